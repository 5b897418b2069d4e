package encoding_test

import (
	"fmt"
	"log"

	"github.com/rhumb-go/rhumb/encoding"
)

func ExampleEncode() {
	var v encoding.Vector
	formats := []encoding.Format{encoding.Int8, encoding.Ubinary, encoding.Base64}
	if err := encoding.Encode(&v, []float32{0.5, -0.25, 0.125}, formats, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Int8)
	fmt.Printf("%08b\n", v.Ubinary)
	fmt.Println(v.Base64)
	// Output:
	// [127 -64 32]
	// [10100000]
	// AAAAPwAAgL4AAAA+
}

func ExampleParseFormat() {
	format, err := encoding.ParseFormat("ubinary")
	fmt.Println(format, err)
	_, err = encoding.ParseFormat("int2")
	fmt.Println(err)
	// Output:
	// ubinary <nil>
	// unknown format "int2", expected one of: float, float16, int8, uint8, binary, ubinary, base64
}

func ExampleAppendBase64() {
	text := encoding.AppendBase64(nil, []float32{0.5, -0.25})
	fmt.Printf("%s\n", text)
	v, err := encoding.DecodeBase64([]float32(nil), string(text))
	fmt.Println(v, err)
	// Output:
	// AAAAPwAAgL4=
	// [0.5 -0.25] <nil>
}

func ExampleAppendJSON() {
	text := encoding.AppendJSON(nil, []float32{0.5, -0.25, 1e-9})
	fmt.Printf("%s\n", text)
	v, err := encoding.DecodeJSON([]float32(nil), text)
	fmt.Println(v, err)
	_, err = encoding.DecodeJSON([]int8(nil), []byte("[1, 128]"))
	fmt.Println(err)
	// Output:
	// [0.5,-0.25,1e-9]
	// [0.5 -0.25 1e-09] <nil>
	// element 1: 128, expected an integer from -128 to 127
}
