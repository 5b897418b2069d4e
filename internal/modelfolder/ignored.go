package modelfolder

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// The most places that an Ignored keeps, and the most bytes of a key in one.
const (
	mostIgnored = 64
	longestKey  = 100
)

// Ignored are the places in a folder's files that nothing was read of, since they change
// no number: keys that the reference does not read either, and arguments that say how it
// computes. The nil Ignored keeps none.
type Ignored struct {
	places []string
	more   int
}

// Add takes the place of a key in the named file of f, once.
func (i *Ignored) Add(f Folder, name, key string) {
	if i == nil {
		return
	}
	if len(key) > longestKey {
		key = key[:longestKey] + "…"
	}
	if quoted := strconv.Quote(key); quoted != `"`+key+`"` {
		key = quoted
	}
	switch place := path.Join(f.Path, name) + ": " + key; {
	case slices.Contains(i.places, place):
	case len(i.places) < mostIgnored:
		i.places = append(i.places, place)
	default:
		i.more++
	}
}

// List returns the places, such as "1_Pooling/config.json: comment", in the order in which
// they were read. Where there are too many the last one says how many more.
func (i *Ignored) List() []string {
	if i == nil {
		return nil
	}
	if i.more > 0 {
		return append(slices.Clone(i.places), fmt.Sprintf("and %d more", i.more))
	}
	return slices.Clone(i.places)
}

// ReadJSON decodes a file to v, and reports whether the file exists. It is for a file whose
// keys are arguments in the reference, which fails at one that it does not know: v must have
// all keys, but those whose value says that there is nothing.
func (f Folder) ReadJSON(name string, v any) (bool, error) { return f.readJSON(name, v, saysNothing) }

// ReadSome is ReadJSON for a file of which the reference reads the keys of v alone.
func (f Folder) ReadSome(name string, v any) (bool, error) {
	return f.readJSON(name, v, func(strictjson.Member) bool { return true })
}

// readJSON decodes a file to v. A key that v lacks is passed over where harmless says so, and
// an error elsewhere.
func (f Folder) readJSON(name string, v any, harmless func(strictjson.Member) bool) (bool, error) {
	data, err := f.readOptional(name)
	if data == nil || err != nil {
		return false, err
	}
	unknown, err := strictjson.UnmarshalFile(data, v)
	if err != nil {
		return false, f.ErrorIn(name, err)
	}
	for _, m := range unknown {
		if !harmless(m) {
			return false, f.ErrorIn(name, unsupported.Errorf("unknown key %q", m.Key))
		}
		f.ignored.Add(f, name, m.Key)
	}
	return true, nil
}

// saysNothing reports whether the value of m is null, false, or empty.
func saysNothing(m strictjson.Member) bool {
	var v any
	if json.Unmarshal(m.Value, &v) != nil {
		return false
	}
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false // of a number 0 may be much
}
