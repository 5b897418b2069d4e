package transformer

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Unmarshal decodes the JSON in data into the struct that v points to, as
// encoding/json does, but for keys that CheckKeys refuses. Errors name the key.
func Unmarshal(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
			wrong.Field = withoutEmbedded(wrong.Field, reflect.TypeOf(v).Elem())
		}
		return Explain(err)
	}
	return CheckKeys(data, v)
}

// withoutEmbedded returns the path of a key of t, a struct, without the names of
// the structs embedded in it, which encoding/json puts before.
func withoutEmbedded(path string, t reflect.Type) string {
	first, rest, _ := strings.Cut(path, ".")
	if f, ok := t.FieldByName(first); ok && f.Anonymous {
		return withoutEmbedded(rest, f.Type)
	}
	return path
}

// CheckKeys returns an error where a key of the JSON in data differs from that
// of a field of v in case alone: encoding/json takes it for the field, and
// Python, for which these files are made, for a key of its own.
func CheckKeys(data []byte, v any) error {
	return checkKeys(data, reflect.TypeOf(v))
}

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

// Explain says of an error of encoding/json which key has a value of the wrong
// type, in the words of the file.
func Explain(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
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
	return fmt.Errorf("%sfound %s, expected %s", where, wrong.Value, expected)
}
