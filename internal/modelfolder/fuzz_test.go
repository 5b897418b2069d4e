package modelfolder

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// fuzzed are the files whose content FuzzRead is given.
var fuzzed = [...]string{
	"config.json", "modules.json", "1_Pooling/config.json", "2_Dense/config.json",
	"sentence_bert_config.json", "config_sentence_transformers.json", "adapter_config.json", "tokenizer_config.json",
}

// FuzzRead reads folders whose files hold anything, as models of each kind: each is an error or
// a Spec that has what runs it.
func FuzzRead(f *testing.F) {
	const testdata = "../../testdata"
	tokens, err := os.ReadFile(filepath.Join(testdata, "goldens", "bert", "model", "tokenizer.json"))
	require.NoError(f, err)
	for _, pattern := range []string{"goldens/*/model", "goldens/modules/*", "heads/*/model", "adapters/*/model"} {
		dirs, err := filepath.Glob(filepath.Join(testdata, pattern))
		require.NoError(f, err)
		require.NotEmpty(f, dirs, pattern)
		for _, dir := range dirs {
			var texts [len(fuzzed)][]byte
			for i, name := range fuzzed {
				texts[i], _ = os.ReadFile(filepath.Join(dir, name)) // not each has it
			}
			f.Add(texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], texts[7])
		}
	}
	f.Fuzz(func(t *testing.T, config, modules, pooling, dense, bert, sentence, adapter, settings []byte) {
		files := fstest.MapFS{"tokenizer.json": {Data: tokens}}
		for i, data := range [][]byte{config, modules, pooling, dense, bert, sentence, adapter, settings} {
			if len(data) > 0 {
				files[fuzzed[i]] = &fstest.MapFile{Data: data}
			}
		}
		for _, read := range []func(*Spec, error){
			func(s *Spec, err error) { require.True(t, err != nil || s.Default != nil || s.NoDefault) },
			func(s *Spec, err error) { require.True(t, err != nil || len(s.Encoders) > 0) },
		} {
			read(Read(files, Options{}))
			read(ReadCross(files, Options{}))
			read(ReadSparse(files, Options{}))
			read(ReadMulti(files, Options{}))
			read(ReadAny(files, Options{}))
		}
	})
}
