package job

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// chunkBytes is the size of the texts and columns of a chunk from which on it
// takes no more rows.
const chunkBytes = 1 << 20

// An inputFile is one of a job's inputs.
type inputFile struct {
	Name     string `json:"name"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"`          // nanoseconds after the epoch
	Version  string `json:"version,omitempty"` // of an object's content
}

// findInputs returns the files that the configuration names.
func findInputs(ctx context.Context, cfg *Config) (all []inputFile, err error) {
	if len(cfg.Inputs) == 0 {
		return nil, errors.New("no inputs")
	}
	output, _ := os.Stat(cfg.Output)
	for _, pattern := range cfg.Inputs {
		if !rows.IsObject(pattern) {
			pattern = filepath.Clean(pattern)
		}
		names, err := cfg.find(ctx, pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			info, err := cfg.stat(ctx, name)
			switch {
			case err != nil:
				return nil, err
			case !info.Mode().IsRegular():
				return nil, fmt.Errorf("%s: not a regular file, which could be read again when the job goes on", name)
			case output != nil && os.SameFile(info, output), rows.IsObject(name) && name == cfg.Output:
				return nil, fmt.Errorf("%s: input and output", name)
			}
			version, _ := info.Sys().(string)
			all = append(all, inputFile{name, info.Size(), info.ModTime().UnixNano(), version})
		}
	}
	return all, nil
}

// open opens an input.
func (in *inputFile) open(ctx context.Context, cfg *Config) (rows.Source, error) {
	how, err := in.how(cfg)
	if err != nil {
		return nil, err
	}
	return rows.Open(ctx, in.Name, how)
}

// how returns how an input is read.
func (in *inputFile) how(cfg *Config) (rows.Reader, error) {
	how := rows.Reader{Format: cfg.InputFormat, Field: cfg.TextField, ID: cfg.IDField, Charset: cfg.InputCharset, Blank: cfg.KeepBlank}
	how.Carry = rows.Carry{Keep: cfg.Keep, Drop: cfg.Drop, Taken: cfg.taken, Types: cfg.types}
	if cfg.OutputFormat == "parquet" {
		how.Carry.Form = rows.Parquet
	}
	how.Carry.Fixed = rows.HasColumns(cfg.OutputFormat)
	var err error
	if how.Open, err = opener(cfg.Store, in.Name); err == nil && how.Format == "" {
		how.Format, err = rows.InputFormat(in.Name)
	}
	return how, err
}

// columnsOf returns the columns that are carried through, which must be the same
// in all inputs where the output is Parquet. There it sets what types fields of jsonl
// have in all of them.
func columnsOf(ctx context.Context, cfg *Config, inputs []inputFile) (all []rows.Column, err error) {
	columns, of := make([][]rows.Column, len(inputs)), make([]map[string]rows.Type, len(inputs))
	types := map[string]rows.Type{}
	for i, in := range inputs {
		src, err := in.open(ctx, cfg)
		if err != nil {
			return nil, err
		}
		columns[i], err = src.Columns()
		of[i] = rows.Types(src)
		if err = errors.Join(err, src.Close()); err != nil {
			return nil, err
		}
		for name, t := range of[i] {
			types[name] = types[name].With(t)
		}
	}
	cfg.types = types
	for i, found := range columns {
		if of[i] != nil {
			carry := rows.Carry{Keep: cfg.Keep, Drop: cfg.Drop, Form: rows.Parquet, Types: types}
			found = carry.FieldColumns()
		}
		switch {
		case i == 0:
			all = found
		case cfg.OutputFormat == "parquet" && !slices.EqualFunc(all, found, sameColumn):
			return nil, fmt.Errorf("%s: its columns are not those of %s, which Parquet has one type for: %s; expected %s",
				inputs[i].Name, inputs[0].Name, describe(found), describe(all))
		case rows.HasColumns(cfg.OutputFormat) && !slices.EqualFunc(all, found, sameName):
			return nil, fmt.Errorf("%s: its columns are not those of %s: %s; expected %s",
				inputs[i].Name, inputs[0].Name, listed(found), listed(all))
		}
	}
	return all, nil
}

func sameColumn(a, b rows.Column) bool { return a.Name == b.Name && parquet.EqualNodes(a.Node, b.Node) }

func sameName(a, b rows.Column) bool { return a.Name == b.Name }

// listed returns the names of columns.
func listed(columns []rows.Column) string {
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

func describe(columns []rows.Column) string {
	if len(columns) == 0 {
		return "none"
	}
	var names []string
	for _, c := range columns {
		names = append(names, fmt.Sprintf("%s %v", c.Name, c.Node))
	}
	return strings.Join(names, ", ")
}

// A reader reads the rows of pieces of the inputs chunk by chunk.
type reader struct {
	ctx    context.Context
	cfg    *Config
	pieces []piece
	next   int           // of pieces to open
	src    rows.Source   // that is open; nil for none
	at     rows.Position // in the next one
	opened position      // where src was opened; Again: rows since
	index  int           // of the next row
	sum    hash.Hash     // of all rows
	line   []byte
	before int64 // bytes of the pieces that were read
	total  int64
}

func newReader(ctx context.Context, cfg *Config, pieces []piece) *reader {
	r := &reader{ctx: ctx, cfg: cfg, pieces: pieces, sum: sha256.New()}
	for _, p := range pieces {
		r.total += p.share
	}
	return r
}

// chunk returns the next rows, or io.EOF after the last. The same rows make the
// same chunks.
func (r *reader) chunk() (results []rows.Result, err error) {
	for size := 0; len(results) < r.cfg.ChunkRows && size < chunkBytes; {
		result, err := r.row()
		if err == io.EOF && len(results) > 0 {
			return results, nil
		}
		if err != nil {
			return nil, err
		}
		size += r.add(&result)
		results = append(results, result)
	}
	return results, nil
}

// row returns the next row, perhaps a bad one.
func (r *reader) row() (rows.Result, error) {
	for {
		if err := r.ctx.Err(); err != nil {
			return rows.Result{}, err
		}
		if r.src == nil {
			if r.next == len(r.pieces) {
				return rows.Result{}, io.EOF
			}
			if err := r.open(); err != nil {
				return rows.Result{}, err
			}
		}
		in, err := r.src.Next()
		result := rows.Result{Input: in}
		var bad *rows.BadInput
		switch {
		case errors.As(err, &bad):
			result.Input, result.Err = bad.Input, bad.Err
		case err == io.EOF:
			r.index += in.Skipped
			r.before += r.pieces[r.next-1].share
			if err := r.close(); err != nil {
				return result, err
			}
			continue
		case err != nil:
			return result, err
		}
		r.opened.Again++
		result.Index = r.index + result.Skipped
		r.index = result.Index + 1
		return result, nil
	}
}

// add adds a row to the sum, and returns its size.
func (r *reader) add(row *rows.Result) int {
	b := r.line[:0]
	part := func(p string) {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	b = binary.AppendUvarint(b, uint64(row.Index))
	part(row.Text)
	part(string(row.ID))
	b = binary.AppendUvarint(b, uint64(len(row.IDs)))
	for _, id := range row.IDs {
		b = binary.AppendVarint(b, int64(id))
	}
	for _, v := range row.Kept {
		part(v.Name)
		part(string(v.JSON))
		for _, leaf := range v.Parquet {
			b = binary.AppendUvarint(b, uint64(len(leaf)))
			for _, v := range leaf {
				b = append(b, byte(v.RepetitionLevel()), byte(v.DefinitionLevel()))
				part(string(v.Bytes()))
			}
		}
	}
	if row.Err != nil {
		part(row.Err.Error())
	}
	r.sum.Write(b)
	r.line = b
	return len(b)
}

// digest returns the sum of all rows so far.
func (r *reader) digest() string { return hex.EncodeToString(r.sum.Sum(nil)[:16]) }

// fraction returns how much of the inputs has been read.
func (r *reader) fraction() float64 {
	done := float64(r.before)
	if r.src != nil {
		if n, of := r.src.Progress(); of > 0 {
			done += float64(n) / float64(of) * float64(r.pieces[r.next-1].share)
		}
	}
	return done / float64(max(r.total, 1))
}

func (r *reader) close() error {
	if r.src == nil {
		return nil
	}
	src := r.src
	r.src = nil
	return src.Close()
}
