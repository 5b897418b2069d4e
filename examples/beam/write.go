package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/parquet-go/parquet-go"
)

// groupBytes is the size of the vectors of a Parquet row group, which is held in memory.
const groupBytes = 16 << 20

// vectorsGlob matches the files of vectors in their folder.
const vectorsGlob = "vectors-*.parquet"

func init() {
	register.DoFn2x0[Vector, func(int, Vector)](&keyFn{})
	register.DoFn3x1[context.Context, int, func(*Vector) bool, error](&vectorsFn{})
	register.DoFn3x1[context.Context, []byte, func(*DeadLetter) bool, error](&deadLettersFn{})
	register.Emitter2[int, Vector]()
}

// WriteVectors writes vectors, which are in the global window, into one Parquet
// file a shard in folder. A shard without rows has no file. A file has its name
// once it is whole, and a second attempt overwrites the first.
func WriteVectors(s beam.Scope, vectors beam.PCollection, folder string, shards int) {
	s = s.Scope("WriteVectors")
	groups := beam.GroupByKey(s, beam.ParDo(s, &keyFn{shards}, vectors))
	beam.ParDo0(s, &vectorsFn{folder, shards}, groups)
}

// keyFn puts the shard's number before a vector.
type keyFn struct{ Shards int }

// ProcessElement does so for one vector.
func (f *keyFn) ProcessElement(v Vector, emit func(int, Vector)) { emit(shard(v.ID, f.Shards), v) }

// vectorsFn writes a file of vectors.
type vectorsFn struct {
	Folder string
	Shards int
}

// ProcessElement writes the file of one shard.
func (f *vectorsFn) ProcessElement(ctx context.Context, shard int, vectors func(*Vector) bool) error {
	name := inFolder(f.Folder, fmt.Sprintf("vectors-%05d-of-%05d.parquet", shard, f.Shards))
	return write(ctx, name, func(file io.Writer) error {
		w := parquet.NewGenericWriter[Vector](file)
		size := 0
		for {
			var v Vector
			if !vectors(&v) {
				return w.Close()
			}
			if _, err := w.Write([]Vector{v}); err != nil {
				return err
			}
			if size += 4 * len(v.Embedding); size >= groupBytes {
				if err := w.Flush(); err != nil {
					return err
				}
				size = 0
			}
		}
	})
}

// WriteDeadLetters writes letters, which are in the global window, into one file
// of JSONL. It is there and empty where there are none.
func WriteDeadLetters(s beam.Scope, letters beam.PCollection, name string) {
	s = s.Scope("WriteDeadLetters")
	filesystem.ValidateScheme(name)
	beam.ParDo0(s, &deadLettersFn{name}, beam.Impulse(s), beam.SideInput{Input: letters})
}

// deadLettersFn writes the file of dead letters.
type deadLettersFn struct{ File string }

// ProcessElement writes all letters.
func (f *deadLettersFn) ProcessElement(ctx context.Context, _ []byte, letters func(*DeadLetter) bool) error {
	return write(ctx, f.File, func(file io.Writer) error {
		lines := json.NewEncoder(file)
		lines.SetEscapeHTML(false)
		var l DeadLetter
		for letters(&l) {
			if err := lines.Encode(l); err != nil {
				return err
			}
		}
		return nil
	})
}

// inFolder returns the path of a file in folder, which may be a URL.
func inFolder(folder, file string) string { return strings.TrimSuffix(folder, "/") + "/" + file }

// write makes a file with what content writes, under another name until it is whole.
func write(ctx context.Context, name string, content func(io.Writer) error) error {
	files, err := filesystem.New(ctx, name)
	if err != nil {
		return err
	}
	defer files.Close()
	partial := name + "." + rand.Text() + ".partial"
	file, err := files.OpenWrite(ctx, partial)
	if err != nil {
		return err
	}
	if err := errors.Join(content(file), file.Close()); err != nil {
		return err
	}
	return filesystem.Rename(ctx, files, partial, name)
}
