package gguf

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	tokenizers "github.com/rhumb-go/rhumb/tokenizer"
)

const vocabularies = "../../tokenizer/testdata/"

// gunzip reads a file of vocabularies, or one that is not free of the folder that RHUMB_SHARED names.
func gunzip(t testing.TB, name string) []byte {
	f, err := os.Open(vocabularies + name)
	if errors.Is(err, fs.ErrNotExist) {
		shared := os.Getenv("RHUMB_SHARED")
		if shared == "" {
			shared = filepath.Join("..", "..", "..", "shared")
		}
		path := filepath.Join(shared, "tokenizers", filepath.FromSlash(name))
		if f, err = os.Open(path); err != nil {
			t.Skipf("no %s: set RHUMB_SHARED to the folder that has tokenizers", path)
		}
	}
	require.NoError(t, err)
	defer f.Close()
	r, err := gzip.NewReader(f)
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return data
}

// A published is what is taken of a tokenizer.json.
type published struct {
	Model struct {
		Vocab  json.RawMessage
		Merges json.RawMessage
		UnkID  int `json:"unk_id"`
	}
	Normalizer struct {
		Charsmap []byte `json:"precompiled_charsmap"`
	}
	Added []struct {
		ID      int
		Content string
		Special bool
	} `json:"added_tokens"`
}

// tables returns the tables of a tokenizer.json as llama.cpp's scripts make them, by its
// type of vocabulary.
func (p *published) tables(t *testing.T, kind string) map[string]any {
	var tokens []string
	var scores []float32
	if kind == "t5" {
		var list [][2]any
		require.NoError(t, json.Unmarshal(p.Model.Vocab, &list))
		for _, entry := range list {
			tokens, scores = append(tokens, entry[0].(string)), append(scores, float32(entry[1].(float64)))
		}
	} else {
		var ids map[string]int
		require.NoError(t, json.Unmarshal(p.Model.Vocab, &ids))
		tokens = make([]string, len(ids))
		for token, id := range ids {
			tokens[id] = token
		}
	}
	kinds := make([]int32, len(tokens))
	for i := range kinds {
		kinds[i] = 1
	}
	for _, added := range p.Added {
		if added.ID >= len(tokens) { // tokenizers leaves no gap
			added.ID = len(tokens)
			tokens, kinds = append(tokens, added.Content), append(kinds, 0)
		}
		require.Equal(t, added.Content, tokens[added.ID])
		if kinds[added.ID] = 4; added.Special {
			kinds[added.ID] = 3
		}
	}
	for i, token := range tokens {
		switch {
		case token == "<unk>" && kind != "gpt2":
			kinds[i] = 2
		case kind == "llama" && strings.HasPrefix(token, "<0x"):
			kinds[i] = 6
		}
		if kind == "llama" {
			score := float32(-i)
			if strings.Trim(token, "▁") == "" {
				score = -1e9 // as the pieces of spaces have it
			}
			scores = append(scores, score)
		}
		if kind != "bert" || kinds[i] != 1 {
			continue
		}
		if word, ok := strings.CutPrefix(token, "##"); ok {
			tokens[i] = word
		} else {
			tokens[i] = "▁" + token
		}
	}
	values := map[string]any{"tokenizer.ggml.model": kind, "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": kinds}
	if scores != nil {
		for len(scores) < len(tokens) {
			scores = append(scores, 0)
		}
		values["tokenizer.ggml.scores"] = scores
	}
	if kind == "gpt2" {
		var merges []string
		if json.Unmarshal(p.Model.Merges, &merges) != nil {
			var pairs [][2]string
			require.NoError(t, json.Unmarshal(p.Model.Merges, &pairs))
			merges = nil
			for _, pair := range pairs {
				merges = append(merges, pair[0]+" "+pair[1])
			}
		}
		values["tokenizer.ggml.merges"] = merges
	}
	if len(p.Normalizer.Charsmap) > 0 {
		values["tokenizer.ggml.precompiled_charsmap"] = p.Normalizer.Charsmap
	}
	return values
}

// A textCase is a text, and its ids with special tokens.
type textCase struct {
	Text   string
	RawB64 *string `json:"raw_b64"` // of one that is no Unicode
	Framed []int32 `json:"ids_special"`
}

// casesOf reads those of a vocabulary.
func casesOf(t *testing.T, name string) (cases []textCase) {
	lines := bufio.NewScanner(bytes.NewReader(gunzip(t, name+"/cases.jsonl.gz")))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var line textCase
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		if line.RawB64 != nil {
			raw, err := base64.StdEncoding.DecodeString(*line.RawB64)
			require.NoError(t, err)
			line.Text = string(raw)
		}
		cases = append(cases, line)
	}
	return cases
}

// The merges of a token of any length take time by its length.
func TestMergesOfALongToken(t *testing.T) {
	k := &tokenizer{tokens: []string{"a", "b", "ab", "aab", strings.Repeat("ab", 1<<21)}, kinds: make([]int32, 5), scores: make([]float32, 5)}
	vocabulary := map[string]int{}
	for id, token := range k.tokens {
		vocabulary[token] = id
	}
	assert.ElementsMatch(t, [][2]string{{"a", "b"}, {"a", "ab"}}, k.scoredMerges(vocabulary))
}

// The ids of real vocabularies in the tables of GGUF are those that the published files have
// in tokenizers, with and without special tokens.
func TestTokenizerIDs(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		more       map[string]any
		first      []int32 // that the reference's do not have
	}{
		{"bert-base-uncased", "bert", nil, nil},
		{"bert-base-chinese", "bert", nil, nil},
		{"bert-base-multilingual-cased", "bert", nil, nil},
		{"roberta-base", "gpt2", map[string]any{"tokenizer.ggml.pre": "roberta-bpe", "tokenizer.ggml.bos_token_id": 0, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.mask_token_id": 50264}, nil},
		{"modernbert", "gpt2", map[string]any{"tokenizer.ggml.pre": "modern-bert", "tokenizer.ggml.bos_token_id": 50281, "tokenizer.ggml.eos_token_id": 50282, "tokenizer.ggml.mask_token_id": 50284}, nil},
		{"t5-small", "t5", map[string]any{"tokenizer.ggml.eos_token_id": 1, "tokenizer.ggml.add_bos_token": false, "tokenizer.ggml.add_eos_token": true}, nil},
		{"xlm-roberta-base", "t5", map[string]any{"tokenizer.ggml.bos_token_id": 0, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.mask_token_id": 250001}, nil},
		{"mistral-v1", "llama", map[string]any{"tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.unknown_token_id": 0}, nil},
		// Llama 3's steps: its files begin texts with a token, which the published file of these words does not.
		{"cl100k", "gpt2", map[string]any{"tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.bos_token_id": 100256, "tokenizer.ggml.eos_token_id": 100256, "tokenizer.ggml.add_eos_token": false}, []int32{100256}},
		{"qwen3", "gpt2", map[string]any{"tokenizer.ggml.pre": "qwen2", "tokenizer.ggml.bos_token_id": 151643, "tokenizer.ggml.eos_token_id": 151645, "tokenizer.ggml.add_bos_token": false, "tokenizer.ggml.add_eos_token": false}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p published
			require.NoError(t, json.Unmarshal(gunzip(t, c.name+"/tokenizer.json.gz"), &p))
			tables := p.tables(t, c.kind)
			values, tensors := bertValues(len(tables["tokenizer.ggml.tokens"].([]string)), 2)
			for _, all := range []map[string]any{tables, c.more} {
				for key, v := range all {
					values[key] = v
				}
			}
			folder, err := Open(build(values, tensors), "model.gguf")
			require.NoError(t, err)
			tok, err := tokenizers.LoadFS(folder)
			require.NoError(t, err)
			count := 0
			for _, line := range casesOf(t, c.name) {
				e, err := tok.Encode(line.Text, tokenizers.Options{})
				require.NoError(t, err)
				require.Equal(t, slices.Concat(c.first, line.Framed), e.IDs, "%.200q", line.Text)
				count++
			}
			assert.Greater(t, count, 390)
		})
	}
}
