package quant_test

import (
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/quant"
)

func ExampleAppendBits() {
	bits, err := quant.AppendBits([]uint8(nil), []float32{0.4, -0.1, 0.2, -0.3, 0, 0.1, 0.7, -0.2})
	if err != nil {
		log.Fatal(err)
	}
	signs, err := quant.FromBits(nil, bits, 8)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%08b\n", bits[0])
	fmt.Println(signs)
	// Output:
	// 10100110
	// [1 -1 1 -1 -1 1 1 -1]
}

func ExampleAppendFloat16() {
	halves, err := quant.AppendFloat16([]float16.Float16(nil), []float32{0.5, -0.25, 0.1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(quant.FromFloat16(nil, halves))
	// Output: [0.5 -0.25 0.099975586]
}

// 8 bits at the vector's own scale need no preparation. The scale is stored beside
// the numbers, unless only cosines are wanted.
func ExampleAppendScaled() {
	q, scale, err := quant.AppendScaled([]int8(nil), []float32{0.5, -0.25, 0.1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(q)
	fmt.Printf("%.3f\n", quant.FromScaled(nil, q, scale))
	// Output:
	// [127 -64 25]
	// [0.500 -0.252 0.098]
}

// 8 bits that follow ranges are the same steps for all vectors of a collection, so
// that their numbers compare; ranges are measured on vectors like those to come.
func ExampleCalibrate() {
	ranges, err := quant.Calibrate(slices.Values([][]float32{{0, 0.5}, {0.51, -0.5}, {0.255, 0}}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ranges.Min, ranges.Max)
	q, err := quant.AppendRanged([]uint8(nil), []float32{0.51, 0.25}, ranges)
	if err != nil {
		log.Fatal(err)
	}
	v, err := quant.FromRanged(nil, q, ranges)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(q)
	fmt.Printf("%.2f\n", v)
	// Output:
	// [0 -0.5] [0.51 0.5]
	// [255 191]
	// [0.51 0.25]
}

func ExampleReadRanges() {
	file := strings.NewReader(`{"min": [0, -0.5], "max": [0.5, 0.5], "dimensions": 2, "normalized": true}`)
	ranges, err := quant.ReadRanges(file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ranges.Check(3, true))
	if err := ranges.Write(os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// ranges of 2 dimensions, vectors have 3
	// {"min":[0,-0.5],"max":[0.5,0.5],"dimensions":2,"normalized":true}
}

func ExampleFinite() {
	zero := float32(0)
	fmt.Println(quant.Finite([]float32{0.5, 1 / zero}))
	// Output: component 1 is +Inf, expected a finite number
}
