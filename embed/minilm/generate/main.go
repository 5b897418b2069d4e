// Command generate makes the folder model of package minilm from the published
// model: settings and tokenizer as they are, weights in float16, and without
// the tensors that embeddings do not need; and beside them the outliers of Int8.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/tensor"
)

// copied are the files that stay as they are.
var copied = []string{
	"config.json", "config_sentence_transformers.json", "modules.json", "sentence_bert_config.json",
	"tokenizer.json", "tokenizer_config.json", "1_Pooling/config.json",
}

// dropped are the tensors that embeddings do not need.
var dropped = []string{"embeddings.position_ids", "pooler.dense.bias", "pooler.dense.weight"}

func main() {
	log.SetFlags(0)
	from := flag.String("from", source(), "`folder` of sentence-transformers/all-MiniLM-L6-v2 in float32")
	to := flag.String("to", "model", "`folder` to write")
	flag.Parse()
	if err := generate(*from, *to); err != nil {
		log.Fatal(err)
	}
}

// source returns the folder of the model beside the repository, or under
// RHUMB_SHARED. The program runs in embed/minilm.
func source() string {
	shared := os.Getenv("RHUMB_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	return filepath.Join(shared, "models", "all-MiniLM-L6-v2")
}

func generate(from, to string) error {
	for _, name := range copied {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := write(filepath.Join(to, name), data); err != nil {
			return err
		}
	}
	file, err := tensor.Open(filepath.Join(from, "model.safetensors"))
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	var tensors []tensor.Tensor
	for _, name := range file.Names() {
		if slices.Contains(dropped, name) {
			continue
		}
		t, _ := file.Tensor(name)
		if t, err = half(t); err != nil {
			return err
		}
		tensors = append(tensors, t)
	}
	var b bytes.Buffer
	if err := tensor.Write(&b, tensors, map[string]string{"format": "pt"}); err != nil {
		return err
	}
	if err := write(filepath.Join(to, "model.safetensors"), b.Bytes()); err != nil {
		return err
	}
	outliers, err := embed.OutlierColumns(context.Background(), to, embed.Config{})
	if err != nil {
		return err
	}
	data, err := json.Marshal(outliers)
	if err != nil {
		return err
	}
	return write(filepath.Join(to, "outlier_columns.json"), append(data, '\n'))
}

// half returns t in float16, each element rounded to nearest, ties to even. One
// beyond the range of float16 is an error.
func half(t tensor.Tensor) (tensor.Tensor, error) {
	values := make([]float32, t.Len())
	if err := t.Float32s(values); err != nil {
		return t, err
	}
	data := make([]byte, 0, 2*len(values))
	for i, x := range values {
		h := float16.Fromfloat32(x)
		if !h.IsFinite() {
			return t, fmt.Errorf("tensor %s: element %d: %v, beyond float16", t.Name, i, x)
		}
		data = binary.LittleEndian.AppendUint16(data, h.Bits())
	}
	return tensor.Tensor{Name: t.Name, DType: tensor.F16, Shape: t.Shape, Data: data}, nil
}

func write(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}
