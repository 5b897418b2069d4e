package main

import (
	"cmp"
	"encoding/base64"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
)

// A layout says what results hold.
type layout struct {
	dimensions int
	formats    []encoding.Format // of each embedding, at least one
	scale      bool              // embeddings have one: 8 bits that follow no ranges
	errors     bool              // results may be errors
}

// complete sets what the model says.
func (l *layout) complete(m embed.Info, opts embed.Options) {
	l.dimensions = cmp.Or(opts.Dimensions, m.DefaultDimensions)
	bytes := slices.Contains(l.formats, encoding.Int8) || slices.Contains(l.formats, encoding.Uint8)
	l.scale = bytes && opts.Ranges == nil && m.Ranges == nil
}

// columns returns the name of the column of each format.
func (l *layout) columns() []string {
	if len(l.formats) == 1 {
		return []string{"embedding"}
	}
	var names []string
	for _, f := range l.formats {
		names = append(names, "embedding_"+f.String())
	}
	return names
}

// bytes returns the size of an embedding in all formats together.
func (l *layout) bytes() (n int) {
	for _, f := range l.formats {
		switch f {
		case encoding.Float:
			n += 4 * l.dimensions
		case encoding.Float16:
			n += 2 * l.dimensions
		case encoding.Int8, encoding.Uint8:
			n += l.dimensions
		case encoding.Binary, encoding.Ubinary:
			n += (l.dimensions + 7) / 8
		case encoding.Base64:
			n += base64.StdEncoding.EncodedLen(4 * l.dimensions)
		}
	}
	return n
}

// check returns a usage error where the output format has no place for the layout.
func (l *layout) check(format string) error {
	if format != "npy" {
		return nil
	}
	switch {
	case l.errors:
		return usagef("--on-error skip: npy has no place for an error: choose another --output-format")
	case len(l.formats) > 1:
		return usagef("--encoding: %d formats, npy holds one: choose another --output-format", len(l.formats))
	case npyType(l.formats[0]) == "":
		return usagef("--encoding %v: npy holds numbers: choose another --output-format", l.formats[0])
	}
	return nil
}

// elements returns the field of v that has the format: a slice of numbers, or a string.
func elements(v *encoding.Vector, f encoding.Format) any {
	switch f {
	case encoding.Float:
		return v.Float32
	case encoding.Float16:
		return v.Float16
	case encoding.Int8:
		return v.Int8
	case encoding.Uint8:
		return v.Uint8
	case encoding.Binary:
		return v.Binary
	case encoding.Ubinary:
		return v.Ubinary
	case encoding.Base64:
		return v.Base64
	}
	panic("rhumb: no field for " + f.String())
}
