package verify

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"

	"github.com/x448/float16"
)

// maxNPY is how many bytes of numbers a NumPy file may have.
const maxNPY = 4 << 30

// ReadVectors reads a row of each text: an array of NumPy (format 1 to 3; two dimensions, float16, float32 or
// float64), or JSON, a line a row, a list of numbers or an object with one in "embedding".
func ReadVectors(r io.Reader) ([][]float32, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := b.Peek(6); string(magic) == "\x93NUMPY" {
		return readNPY(b)
	}
	var all [][]float32
	err := eachLine(b, func(line []byte) error {
		var row struct{ Embedding []float32 }
		to := any(&row)
		if line[0] == '[' {
			to = &row.Embedding
		}
		if err := json.Unmarshal(line, to); err != nil {
			return err
		}
		if len(row.Embedding) == 0 {
			return errors.New("expected a list of numbers, or an object with one in \"embedding\"")
		}
		all = append(all, row.Embedding)
		return nil
	})
	return all, err
}

// ReadTokens reads what another engine knows of each text's tokens, a line a text: a list of ids, or an object with
// them in "ids", "input_ids" or "tokens", and, where it knows them, the last hidden states, a list a token, in "hidden". What no line
// has is nil.
func ReadTokens(r io.Reader) (ids [][]int32, hidden [][][]float32, err error) {
	err = eachLine(bufio.NewReaderSize(r, 1<<16), func(line []byte) error {
		var row struct {
			IDs      []int32
			InputIDs []int32 `json:"input_ids"`
			Tokens   []int32
			Hidden   [][]float32
		}
		to := any(&row)
		if line[0] == '[' {
			to = &row.IDs
		}
		if err := json.Unmarshal(line, to); err != nil {
			return err
		}
		for _, other := range [][]int32{row.InputIDs, row.Tokens} {
			if row.IDs == nil {
				row.IDs = other
			}
		}
		if row.IDs == nil && row.Hidden == nil {
			return errors.New("expected a list of ids, or an object with \"ids\" or \"hidden\"")
		}
		ids, hidden = append(ids, row.IDs), append(hidden, row.Hidden)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if len(ids) == 0 {
		return nil, nil, errors.New("empty: expected a line for each text")
	}
	some, line := lacking(len(ids), func(i int) bool { return ids[i] != nil })
	if !some {
		ids = nil
	} else if line > 0 {
		return nil, nil, fmt.Errorf("row %d: no ids, which other rows have", line)
	}
	some, line = lacking(len(hidden), func(i int) bool { return hidden[i] != nil })
	if !some {
		hidden = nil
	} else if line > 0 {
		return nil, nil, fmt.Errorf("row %d: no hidden, which other rows have", line)
	}
	return ids, hidden, nil
}

// lacking reports whether some of n rows have something, and the first that has not, from 1; 0 = none.
func lacking(n int, has func(i int) bool) (some bool, line int) {
	for i := n - 1; i >= 0; i-- {
		if has(i) {
			some = true
		} else {
			line = i + 1
		}
	}
	return some, line
}

// eachLine calls f with each line that is not blank. Errors say which it is.
func eachLine(r *bufio.Reader, f func(line []byte) error) error {
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return err
		}
		if line := bytes.TrimSpace(line); len(line) > 0 {
			if err := f(line); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

var npyHeader = regexp.MustCompile(`^\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \((\d+), (\d+)\), \}\s*$`)

// readNPY reads an array, as numpy.lib.format writes it.
func readNPY(r io.Reader) ([][]float32, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:10]); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	length := int(binary.LittleEndian.Uint16(head[8:]))
	if head[6] > 1 {
		if _, err := io.ReadFull(r, head[10:]); err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		length = int(binary.LittleEndian.Uint32(head[8:]))
	}
	if length < 0 || length > 1<<16 { // an int may have 32 bits
		return nil, fmt.Errorf("header of %d bytes, expected less", length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	found := npyHeader.FindSubmatch(text)
	if found == nil {
		return nil, fmt.Errorf("header: found %q, expected an array of two dimensions", text)
	}
	kinds := map[string]struct {
		size int
		at   func(b []byte) float32
	}{
		"<f2": {2, func(b []byte) float32 { return float16.Frombits(binary.LittleEndian.Uint16(b)).Float32() }},
		"<f4": {4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }},
		"<f8": {8, func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) }},
	}
	kind, known := kinds[string(found[1])]
	if !known {
		return nil, fmt.Errorf("header: numbers are %q, expected <f2, <f4 or <f8", found[1])
	}
	if string(found[2]) == "True" {
		return nil, errors.New("header: fortran_order: True, expected rows one after the other: numpy.ascontiguousarray makes them")
	}
	n, errRows := strconv.Atoi(string(found[3]))
	d, errCols := strconv.Atoi(string(found[4]))
	if errRows != nil || errCols != nil || d < 1 || d > 1<<20 || n > 0 && int64(d) > maxNPY/int64(n)/int64(kind.size) {
		return nil, fmt.Errorf("header: shape (%s, %s), expected one number a row or more, and less than %d bytes", found[3], found[4], int64(maxNPY))
	}
	var all [][]float32
	line := make([]byte, d*kind.size)
	for i := range n {
		if _, err := io.ReadFull(r, line); err != nil {
			return nil, fmt.Errorf("row %d of %d: %w", i, n, err)
		}
		row := make([]float32, d)
		for j := range row {
			row[j] = kind.at(line[j*kind.size:])
		}
		all = append(all, row)
	}
	return all, nil
}
