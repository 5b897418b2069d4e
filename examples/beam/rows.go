package main

import (
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

// A Row is a text to embed.
type Row struct {
	ID     string // tells the vector's origin; Source where the file has none
	Source string // "file:number", counted from 1
	Text   string
}

// A Vector is the embedding of a row, and a row of the Parquet files.
type Vector struct {
	ID        string    `parquet:"id"`
	Embedding []float32 `parquet:"embedding,list"`
	Tokens    int32     `parquet:"tokens"`    // read: prompt and special tokens included
	Truncated int32     `parquet:"truncated"` // tokens dropped
}

// A DeadLetter is a row that has no vector, and a line of the JSONL file.
type DeadLetter struct {
	Source string `json:"source"`
	ID     string `json:"id"`  // "" where it could not be read
	Row    string `json:"row"` // the text, or the line as it is where that could not be read
	Error  string `json:"error"`
}

// What the pipeline counts: rows = vectors + dead letters.
const (
	namespace   = "rhumb"
	rowCount    = "rows"
	vectorCount = "vectors"
	deadCount   = "dead-letters"
)

var (
	rowsRead    = beam.NewCounter(namespace, rowCount)
	vectorsMade = beam.NewCounter(namespace, vectorCount)
	deadLetters = beam.NewCounter(namespace, deadCount)
)

func init() {
	for _, v := range []any{Row{}, Vector{}, DeadLetter{}} {
		beam.RegisterType(reflect.TypeOf(v))
	}
	register.Emitter1[Row]()
	register.Emitter1[DeadLetter]()
	register.Iter1[DeadLetter]()
}
