package modelfolder

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"slices"
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

// A recorder is a folder that keeps a sum of tokenizer.json, or of all files that
// were read where there is none.
type recorder struct {
	Folder
	hash.Hash
}

// ReadFile is that of the folder.
func (r recorder) ReadFile(name string) ([]byte, error) {
	data, err := r.Folder.ReadFile(name)
	if err == nil && (name == tokenizerName || !r.Exists(tokenizerName)) {
		fmt.Fprintf(r, "%q %x\n", name, sha256.Sum256(Canonical(data)))
	}
	return data, err
}

var _ fs.ReadFileFS = recorder{}
