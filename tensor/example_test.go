package tensor_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/rhumb-go/rhumb/tensor"
)

func ExampleOpen() {
	file, err := tensor.Open("../testdata/goldens/bert/model/model.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	for _, name := range file.Names()[:3] {
		t, _ := file.Tensor(name)
		fmt.Println(name, t.DType, t.Shape)
	}
	// Output:
	// embeddings.LayerNorm.bias F32 [24]
	// embeddings.LayerNorm.weight F32 [24]
	// embeddings.position_embeddings.weight F32 [40 24]
}

func ExampleOpenFS() {
	file, err := tensor.OpenFS(os.DirFS("../testdata/goldens/bert/model"), "model.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	t, ok := file.Tensor("embeddings.LayerNorm.weight")
	v := make([]float32, t.Len())
	if err := t.Float32s(v); err != nil {
		log.Fatal(err)
	}
	fmt.Println(ok, len(v))
	// Output: true 24
}

func ExampleWrite() {
	data, err := binary.Append(nil, binary.LittleEndian, []float32{1, 2, 3, 4, 5, 6})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "vectors.safetensors")
	out, err := os.Create(name)
	if err != nil {
		log.Fatal(err)
	}
	defer out.Close()
	vectors := tensor.Tensor{Name: "vectors", DType: tensor.F32, Shape: []int{2, 3}, Data: data}
	if err := tensor.Write(out, []tensor.Tensor{vectors}, map[string]string{"model": "minilm"}); err != nil {
		log.Fatal(err)
	}

	file, err := tensor.Open(name)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	fmt.Println(file.Names(), file.Metadata())
	// Output: [vectors] map[model:minilm]
}

func ExampleParse() {
	var b bytes.Buffer
	ids := tensor.Tensor{Name: "ids", DType: tensor.U8, Shape: []int{3}, Data: []byte{1, 2, 3}}
	if err := tensor.Write(&b, []tensor.Tensor{ids}, nil); err != nil {
		log.Fatal(err)
	}
	file, err := tensor.Parse(b.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	t, ok := file.Tensor("ids")
	fmt.Println(t.DType, t.Shape, t.Data, ok)
	// Output: U8 [3] [1 2 3] true
}

func ExampleNewMatrix() {
	m := tensor.NewMatrix(2, 3)
	copy(m.Row(1), []float32{1, 2, 3})
	fmt.Println(m.Data)
	// Output: [0 0 0 1 2 3]
}

func ExampleFromGeneral() {
	g := blas32.General{Rows: 2, Cols: 2, Stride: 2, Data: []float32{1, 2, 3, 4}}
	m := tensor.FromGeneral(g)
	m.Row(0)[0] = 7
	fmt.Println(g.Data)
	// Output: [7 2 3 4]
}

func ExampleFromFloat32s() {
	t := tensor.FromFloat32s("bias", []int{3}, []float32{1, 2, 3})
	fmt.Println(t.DType, t.Shape, len(t.Data))
	// Output: F32 [3] 12
}

func ExampleMade() {
	half := tensor.FromFloat32s("half", []int{3}, []float32{0.5, 1, 1.5})
	whole := tensor.Made("whole", half.Shape, []tensor.Tensor{half}, func(dst []float32, offset int) error {
		if err := half.Float32sAt(dst, offset); err != nil {
			return err
		}
		for i := range dst {
			dst[i] *= 2
		}
		return nil
	})
	v := make([]float32, whole.Len())
	if err := whole.Float32s(v); err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	// Output: [1 2 3]
}

func ExampleTensor_Rows() {
	t := tensor.FromFloat32s("all", []int{3, 2}, []float32{1, 2, 3, 4, 5, 6})
	v := make([]float32, 2)
	if err := t.Rows("last", 2, 3).Float32s(v); err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	// Output: [5 6]
}
