package embedhttp

import (
	"slices"

	"github.com/rhumb-go/rhumb/encoding"
)

// A form is one way in which an answer gives a vector.
type form struct {
	name   string // of the encoding_format
	format encoding.Format
	base64 bool // its bytes, rather than its numbers
}

// forms are those of a request.
type forms struct {
	list  []form
	plain bool   // encoding_format is a name, or absent, rather than a list
	given string // the field that is encoding_format; "" = none
	dtype setting[encoding.Format]
}

// parseForm returns the form of that name.
func parseForm(field string, value []byte) (form, error) {
	if value[0] == '"' {
		name := unquote(value)
		if f, err := encoding.ParseFormat(name); err == nil {
			if f == encoding.Base64 {
				return form{name, encoding.Float, true}, nil
			}
			return form{name, f, false}, nil
		}
	}
	return form{}, fail(codeInvalidFormat, field,
		"found %s, expected one of: float, float16, int8, uint8, binary, ubinary, base64", excerpt(value))
}

func (c *call) setFormats(_ *Handler, field string, value []byte) error {
	f := &c.forms
	if f.given != "" {
		other := forms{dtype: f.dtype}
		if err := other.read(field, value); err != nil {
			return err
		}
		if other.plain != f.plain || !slices.Equal(other.list, f.list) {
			return fail(codeInvalidRequest, field, "contradicts %s", f.given)
		}
		return nil
	}
	return f.read(field, value)
}

// read reads a format, or a list of them.
func (f *forms) read(field string, value []byte) error {
	f.given = field
	if value[0] != '[' {
		one, err := parseForm(field, value)
		f.list, f.plain = []form{one}, true
		return err
	}
	for part := range parts(value) {
		one, err := parseForm(field, part)
		if err != nil {
			return err
		}
		if slices.Contains(f.list, one) {
			return fail(codeInvalidFormat, field, "%s is given twice", one.name)
		}
		f.list = append(f.list, one)
	}
	if len(f.list) == 0 {
		return fail(codeInvalidFormat, field, "an empty list, expected at least one format")
	}
	return nil
}

// dtypes are the values of output_dtype.
var dtypes = []string{"float", "int8", "uint8", "binary", "ubinary"}

func (c *call) setDType(_ *Handler, field string, value []byte) error {
	one, err := parseForm(field, value)
	if err != nil || !slices.Contains(dtypes, one.name) {
		return fail(codeInvalidFormat, field, "found %s, expected one of: float, int8, uint8, binary, ubinary", excerpt(value))
	}
	return c.forms.dtype.set(field, one.format)
}

// complete joins the two fields: output_dtype says of which numbers, and
// encoding_format whether they or their bytes in base64.
func (f *forms) complete() error {
	dtype := f.dtype.value // Float where there is none
	if f.given == "" {
		f.list, f.plain = []form{{dtype.String(), dtype, false}}, true
	}
	if f.dtype.field == "" || f.given == "" {
		return nil
	}
	if one := f.list[0]; len(f.list) > 1 || one.format != encoding.Float && one.format != dtype {
		return fail(codeInvalidRequest, f.dtype.field, "contradicts encoding_format, which with it is float or base64")
	}
	f.list[0].format = dtype
	return nil
}

// formats returns the number formats that the library is asked for. Base64 is
// not among them: it is written into the answer where it belongs.
func (f *forms) formats() []encoding.Format {
	var formats []encoding.Format
	for _, one := range f.list {
		if !slices.Contains(formats, one.format) {
			formats = append(formats, one.format)
		}
	}
	return formats
}

// echo returns the request's encoding_format for the answer: a string or a list.
// Where it is absent, it is that of the answer's numbers.
func (f *forms) echo() any {
	if f.plain {
		return f.list[0].name
	}
	names := make([]string, len(f.list))
	for i, one := range f.list {
		names[i] = one.name
	}
	return names
}

// allBase64 reports whether the answer has no numbers.
func (f *forms) allBase64() bool {
	return !slices.ContainsFunc(f.list, func(one form) bool { return !one.base64 })
}

// append appends v in each form to dst, as the JSON value of "embedding".
func (f *forms) append(dst []byte, v *encoding.Vector) []byte {
	if len(f.list) == 1 {
		return f.list[0].append(dst, v)
	}
	for i, one := range f.list {
		dst = append(dst, "{,"[min(i, 1)], '"')
		dst = append(dst, one.name...)
		dst = append(dst, `":`...)
		dst = one.append(dst, v)
	}
	return append(dst, '}')
}

func (f form) append(dst []byte, v *encoding.Vector) []byte {
	if !f.base64 {
		return v.AppendJSON(dst, []encoding.Format{f.format})
	}
	dst = append(dst, '"')
	switch f.format {
	case encoding.Float:
		dst = encoding.AppendBase64(dst, v.Float32)
	case encoding.Int8:
		dst = encoding.AppendBase64(dst, v.Int8)
	case encoding.Uint8:
		dst = encoding.AppendBase64(dst, v.Uint8)
	case encoding.Binary:
		dst = encoding.AppendBase64(dst, v.Binary)
	case encoding.Ubinary:
		dst = encoding.AppendBase64(dst, v.Ubinary)
	}
	return append(dst, '"')
}
