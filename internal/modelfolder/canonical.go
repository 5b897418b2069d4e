package modelfolder

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/rhumb-go/rhumb/tokenizer"
)

// incidental are the keys of config.json, adapter_config.json and tokenizer.json
// that do not change a vector, or no more than Options do.
var incidental = []string{
	"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache",
	"base_model_name_or_path", "inference_mode", "peft_version", "revision",
	"padding", "truncation",
}

// Canonical returns a JSON object without white space and incidental keys, its
// keys in order, and other content as it is.
func Canonical(data []byte) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil || object == nil {
		return data
	}
	maps.DeleteFunc(object, func(key string, _ json.RawMessage) bool { return slices.Contains(incidental, key) })
	short, err := json.Marshal(object)
	if err != nil {
		return data
	}
	return short
}

// canonicalOfChecked returns what Canonical does of an object that is checked JSON, in
// UTF-8, of which no key is there twice. It reads it once: tokenizers have megabytes.
func canonicalOfChecked(data []byte) []byte {
	type member struct{ key, text string }
	var members []member
	text := make([]byte, 0, len(data)) // without white space, from the first key on
	for i := bytes.IndexByte(data, '{') + 1; ; i++ {
		start := len(text)
		text, i = appendCompact(text, data, i)
		if len(text) == start {
			break // no member at all
		}
		literal, value := text[start:], len(text)
		text, i = appendCompact(text, data, i+1) // behind ':'
		var key string
		if json.Unmarshal(literal, &key) == nil && !slices.Contains(incidental, key) {
			members = append(members, member{key, string(text[value:])})
		}
		if text = text[:0]; data[i] == '}' {
			break
		}
	}
	slices.SortFunc(members, func(a, b member) int { return cmp.Compare(a.key, b.key) })
	out := append(make([]byte, 0, len(data)), '{')
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		key, _ := json.Marshal(m.key) // of a string: no error
		out = append(append(append(out, key...), ':'), m.text...)
	}
	return append(out, '}')
}

// appendCompact appends the key or the value of an object that begins at data[i], without
// white space and as json.Marshal escapes it, and returns where the sign behind it is.
func appendCompact(dst, data []byte, i int) ([]byte, int) {
	for depth, inString := 0, false; ; i++ {
		c := data[i]
		switch {
		case inString && c == '\\':
			dst = append(dst, c, data[i+1])
			i++
			continue
		case inString && (c == '<' || c == '>' || c == '&'):
			dst = append(dst, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
			continue
		case inString && c == 0xe2 && data[i+1] == 0x80 && data[i+2]&^1 == 0xa8:
			dst = append(dst, '\\', 'u', '2', '0', '2', '8'+data[i+2]&1)
			i += 2
			continue
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == ':' || c == ',' || c == '}'):
			return dst, i
		case c == '}' || c == ']':
			depth--
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			continue
		}
		dst = append(dst, c)
	}
}

// A recorder is a folder that keeps tokenizer.json, or all files that
// were read where there is none.
type recorder struct {
	Folder
	read *[]recorded
}

type recorded struct {
	name string
	data []byte
}

// ReadFile is that of the folder.
func (r recorder) ReadFile(name string) ([]byte, error) {
	data, err := r.Folder.ReadFile(name)
	if err == nil && (name == tokenizerName || !r.Exists(tokenizerName)) {
		*r.read = append(*r.read, recorded{name, data})
	}
	return data, err
}

// sum returns a sum of what was read, of which a tokenizer was made, and of how that
// reads, in hexadecimal.
func (r recorder) sum(t *tokenizer.Tokenizer) string {
	h := sha256.New()
	for _, f := range *r.read {
		canonical := Canonical
		if f.name == tokenizerName {
			canonical = canonicalOfChecked
		}
		fmt.Fprintf(h, "%q %x\n", f.name, sha256.Sum256(canonical(f.data)))
	}
	if reading := t.Reading(); reading != nil {
		fmt.Fprintf(h, "%q\n", reading)
	}
	return hex.EncodeToString(h.Sum(nil))
}

var _ fs.ReadFileFS = recorder{}
