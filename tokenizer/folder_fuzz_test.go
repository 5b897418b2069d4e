package tokenizer

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzFolder reads folders of vocab.txt, of vocab.json with merges.txt, and of
// tokenizer.json, with what lies beside them: each is an error or a tokenizer whose
// ids are in its vocabulary.
func FuzzFolder(f *testing.F) {
	folders := readFallback(f)
	for i := range folders.Folders {
		files := folders.folder(f, i)
		text := func(name string) string {
			if file := files[name]; file != nil {
				return string(file.Data)
			}
			return ""
		}
		vocab := text("vocab.txt") + text("vocab.json")
		if vocab == "" || len(vocab) > 1<<13 {
			continue
		}
		f.Add(text("config.json"), text(configFile), text(mapFile), text("added_tokens.json"), vocab, text("merges.txt"))
	}
	beside := readBeside(f)
	for _, folder := range beside.Folders[:40] {
		files := folder.Files
		f.Add(string(files["config.json"]), string(files[configFile]), string(files[mapFile]), string(files["added_tokens.json"]), "", "")
	}
	f.Fuzz(func(t *testing.T, config, settings, special, added, vocab, merges string) {
		files := fstest.MapFS{}
		put := func(name, text string) {
			if text != "" {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
		}
		put("config.json", config)
		put(configFile, settings)
		put(mapFile, special)
		put("added_tokens.json", added)
		put("merges.txt", merges)
		switch {
		case vocab == "":
			put("tokenizer.json", wordPieceFile(""))
		case json.Valid([]byte(vocab)) || strings.HasPrefix(vocab, "{"):
			put("vocab.json", vocab)
		default:
			put("vocab.txt", vocab)
		}
		loadAndEncode(t, files)
	})
}
