// Package mutate changes the values of JSON files, alone and in folders, for tests of their readers.
package mutate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// A Document is a JSON value whose parts can be changed.
type Document struct{ root any }

// A Place is where a value lies in a Document.
type Place struct {
	Path  string // such as ".rope_parameters.factor" or ".layer_types[0]"
	Value any    // as encoding/json decodes it, numbers as json.Number

	put    func(any)
	remove func() // nil in a list and at the root
}

// Parse returns the first JSON value in data.
func Parse(data []byte) (*Document, error) {
	d := new(Document)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return d, dec.Decode(&d.root)
}

// JSON returns the document as it is. What was set to no JSON is an error.
func (d *Document) JSON() ([]byte, error) { return json.Marshal(d.root) }

// Places returns every value of d, the keys of an object ascending and what holds
// a value before it.
func (d *Document) Places() []Place {
	return places(nil, Place{Value: d.root, put: func(v any) { d.root = v }})
}

func places(list []Place, at Place) []Place {
	list = append(list, at)
	switch v := at.Value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			list = places(list, Place{at.Path + "." + key, v[key], func(x any) { v[key] = x }, func() { delete(v, key) }})
		}
	case []any:
		for i := range v {
			list = places(list, Place{fmt.Sprintf("%s[%d]", at.Path, i), v[i], func(x any) { v[i] = x }, nil})
		}
	}
	return list
}

// Set puts JSON in the place of the value.
func (p Place) Set(value string) { p.put(json.RawMessage(value)) }

// Restore puts the value back.
func (p Place) Restore() { p.put(p.Value) }

// Remove takes the value and its key out of its object.
func (p Place) Remove() {
	if p.remove != nil {
		p.remove()
	}
}
