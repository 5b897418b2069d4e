// Package strictjson decodes the JSON files of models: with errors that name the key
// in the words of the file, and without taking one key for another. Apart from it are
// the readers that do not decode into Go's types: those of package tokenizer, which reads
// large vocabularies in place, of package tensor, which refuses what safetensors does,
// and of package embedhttp, whose errors are those of requests.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// An Error says that data is no JSON, or that the value of a key is not of its type.
type Error struct{ message string }

// Error returns a message such as `hidden_size: found string, expected int`.
func (e *Error) Error() string { return e.message }

// Unmarshal decodes the JSON in data into the struct that v points to, as
// encoding/json does, but for keys that differ from those of its fields in case alone,
// which are errors: encoding/json takes one for the other, and Python, for which these
// files are made, does not. Errors name the key; they are an *Error unless a type's own
// UnmarshalJSON returns another.
func Unmarshal(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
			wrong.Field = withoutEmbedded(wrong.Field, reflect.TypeOf(v))
		}
		return explain(err)
	}
	return faultOf(checkKeys(data, reflect.TypeOf(v)))
}

// faultOf returns err as an *Error, nil for nil.
func faultOf(err error) error {
	if err == nil {
		return nil
	}
	return &Error{err.Error()}
}

// withoutEmbedded returns the path of a key of t, or of what it points to, without the
// names of the structs embedded in it, which encoding/json puts before.
func withoutEmbedded(path string, t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return path
	}
	first, rest, _ := strings.Cut(path, ".")
	if f, ok := t.FieldByName(first); ok && f.Anonymous {
		return withoutEmbedded(rest, f.Type)
	}
	return path
}

// UnmarshalKnown is UnmarshalFile for a file all of whose keys v must have: one that v
// lacks is unsupported.Err.
func UnmarshalKnown(data []byte, v any) error {
	unknown, err := UnmarshalFile(data, v)
	if err == nil && len(unknown) > 0 {
		err = unsupported.Errorf("unknown key %q", unknown[0].Key)
	}
	return err
}

// UnmarshalFile is Unmarshal for a file which has nothing behind its value. It returns the
// members that v lacks, with the paths of their keys, such as parts[1].size, in the order of
// paths. What a type's own UnmarshalJSON reads, a map and an interface have all keys.
func UnmarshalFile(data []byte, v any) (unknown []Member, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(v); err == io.EOF {
		return nil, &Error{"an empty file, expected JSON"}
	} else if err != nil {
		return nil, explain(err)
	}
	if err := faultOf(checkKeys(data, reflect.TypeOf(v))); err != nil {
		return nil, err
	}
	end := dec.InputOffset()
	if _, err := dec.Token(); err != io.EOF {
		return nil, &Error{fmt.Sprintf("more after the JSON value, which ends at byte %d", end)}
	}
	return unknownIn(data, reflect.TypeOf(v), ""), nil
}

// unknownIn returns the members at path, which is that of the JSON in data, that t lacks.
func unknownIn(data []byte, t reflect.Type, path string) (unknown []Member) {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return unknownIn(data, t.Elem(), path)
	case reflect.Slice:
		var list []json.RawMessage
		if json.Unmarshal(data, &list) != nil {
			return nil // no list: nothing in it
		}
		for i, element := range list {
			unknown = append(unknown, unknownIn(element, t.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
		}
	case reflect.Struct:
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) != nil {
			return nil
		}
		if path != "" {
			path += "."
		}
		known := map[string]reflect.Type{}
		fieldsOf(t, known)
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if field, ok := known[key]; ok {
				unknown = append(unknown, unknownIn(object[key], field, path+key)...)
			} else {
				unknown = append(unknown, Member{path + key, object[key]})
			}
		}
	}
	return unknown
}

// fieldsOf puts the types of the fields of t, a struct, and of those embedded in it to their keys.
func fieldsOf(t reflect.Type, types map[string]reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			fieldsOf(f.Type, types)
		case name != "":
			types[name] = f.Type
		}
	}
}

// A Member is a key of an object and its value.
type Member struct {
	Key   string
	Value json.RawMessage
}

// Members returns the members of a JSON object in their order, that of a key that comes
// twice twice.
func Members(object []byte) (list []Member, err error) {
	dec := json.NewDecoder(bytes.NewReader(object))
	start, err := dec.Token()
	if err != nil {
		return nil, explain(err)
	}
	if start != json.Delim('{') {
		return nil, &Error{fmt.Sprintf("found %.100s, expected an object", object)}
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, explain(err)
		}
		m := Member{Key: key.(string)} // the decoder lets no other pass here
		if err := dec.Decode(&m.Value); err != nil {
			return nil, explain(err)
		}
		list = append(list, m)
	}
	if _, err := dec.Token(); err != nil { // the brace
		return nil, explain(err)
	}
	return list, nil
}

// checkKeys returns an error where a key of the JSON in data differs from that
// of a field of t in case alone.
func checkKeys(data []byte, t reflect.Type) error {
	switch t.Kind() {
	case reflect.Pointer:
		return checkKeys(data, t.Elem())
	case reflect.Slice:
		var list []json.RawMessage
		if json.Unmarshal(data, &list) != nil {
			return nil // no list: nothing in it
		}
		for _, element := range list {
			if err := checkKeys(element, t.Elem()); err != nil {
				return err
			}
		}
	case reflect.Struct:
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) != nil {
			return nil
		}
		for i := range t.NumField() {
			if field := t.Field(i); field.Anonymous {
				if err := checkKeys(data, field.Type); err != nil {
					return err
				}
				continue
			}
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			for key, value := range object {
				if key != name && strings.EqualFold(key, name) {
					return fmt.Errorf("key %q, expected %q", key, name)
				}
				if key == name {
					if err := checkKeys(value, t.Field(i).Type); err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
				}
			}
		}
	}
	return nil
}

// explain says of an error of encoding/json which key has a value of the wrong
// type, in the words of the file.
func explain(err error) error {
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrong):
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF):
		return faultOf(err)
	default:
		return err
	}
	where := ""
	if wrong.Field != "" {
		where = wrong.Field + ": "
	}
	expected := wrong.Type.Kind().String()
	switch wrong.Type.Kind() {
	case reflect.Struct, reflect.Map:
		expected = "object"
	case reflect.Slice:
		expected = "list"
	}
	return &Error{fmt.Sprintf("%sfound %s, expected %s", where, wrong.Value, expected)}
}
