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
	register.DoFn4x1[context.Context, int, func(*timed) bool, func(beam.EventTime, DeadLetter), error](&vectorsFn{})
	register.DoFn3x1[context.Context, []byte, func(*DeadLetter) bool, error](&deadLettersFn{})
}

// WriteVectors embeds rows, which are in the global window, as Embed does, and writes the vectors
// of each group into a Parquet file in folder. The worker that makes them writes them, so that
// they do not go through the runner, which would take longer over that than a small model over them.
// A group without vectors has no file. A file has its name once it is whole, and a second
// attempt overwrites the first.
func WriteVectors(s beam.Scope, rows beam.PCollection, e Embedder, folder string) (refused beam.PCollection) {
	s = s.Scope("WriteVectors")
	return beam.ParDo(s, &vectorsFn{embedFn{Embedder: e}, folder}, e.deal(s, rows))
}

// vectorsFn embeds a group and writes its vectors.
type vectorsFn struct {
	embedFn
	Folder string
}

// ProcessElement writes the file of one group.
func (f *vectorsFn) ProcessElement(ctx context.Context, group int, rows func(*timed) bool, dead func(beam.EventTime, DeadLetter)) error {
	file := partial{ctx: ctx, name: inFolder(f.Folder, fmt.Sprintf("vectors-%05d-of-%05d.parquet", group, f.Shards))}
	var w *parquet.GenericWriter[Vector]
	size := 0
	err := f.each(ctx, rows, dead, func(_ beam.EventTime, v Vector) error {
		if w == nil {
			if err := file.open(); err != nil {
				return err
			}
			w = parquet.NewGenericWriter[Vector](file)
		}
		if _, err := w.Write([]Vector{v}); err != nil {
			return err
		}
		if size += 4 * len(v.Embedding); size < groupBytes {
			return nil
		}
		size = 0
		return w.Flush()
	})
	if w == nil {
		return err
	}
	if err == nil {
		err = w.Close()
	}
	return file.close(err)
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
	file := partial{ctx: ctx, name: f.File}
	if err := file.open(); err != nil {
		return err
	}
	lines := json.NewEncoder(file)
	lines.SetEscapeHTML(false)
	var err error
	for l := (DeadLetter{}); err == nil && letters(&l); {
		err = lines.Encode(l)
	}
	return file.close(err)
}

// inFolder returns the path of a file in folder, which may be a URL.
func inFolder(folder, file string) string { return strings.TrimSuffix(folder, "/") + "/" + file }

// A partial file has another name until it is whole.
type partial struct {
	ctx   context.Context
	name  string
	under string // its other name
	files filesystem.Interface
	io.WriteCloser
}

// open opens the file.
func (p *partial) open() (err error) {
	if p.files, err = filesystem.New(p.ctx, p.name); err != nil {
		return err
	}
	p.under = p.name + "." + rand.Text() + ".partial"
	if p.WriteCloser, err = p.files.OpenWrite(p.ctx, p.under); err != nil {
		err = errors.Join(err, p.files.Close())
	}
	return err
}

// close closes the file, and gives it its name unless err is not nil.
func (p *partial) close(err error) error {
	if err = errors.Join(err, p.Close()); err == nil {
		err = filesystem.Rename(p.ctx, p.files, p.under, p.name)
	}
	return errors.Join(err, p.files.Close())
}
