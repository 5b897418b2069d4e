package tokenizer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// referenceNames are the tokenizers of which there are reference cases. Those of
// qwen3, qwen3-embedding and phi-3-mini lie outside the repository.
var referenceNames = append([]string{
	"roberta-base", "phi-2", "falcon", "clip", "modernbert", "qwen3", "qwen3-embedding", "cl100k",
	"mistral-v1", "mistral-v3", "phi-3-mini",
	"t5-small", "xlm-roberta-base",
}, bertNames...)

var bertNames = []string{"bert-base-uncased", "bert-base-multilingual-cased", "bert-base-chinese"}

func gunzip(t testing.TB, path string) []byte {
	t.Helper()
	path = filepath.FromSlash(path)
	f, err := os.Open(filepath.Join("testdata", path))
	if errors.Is(err, os.ErrNotExist) {
		shared := os.Getenv("RHUMB_SHARED")
		if shared == "" {
			shared = filepath.Join("..", "..", "shared")
		}
		path = filepath.Join(shared, "tokenizers", path)
		if f, err = os.Open(path); err != nil {
			t.Skipf("no %s: set RHUMB_SHARED to the folder that has tokenizers", path)
		}
	}
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	data, err := io.ReadAll(z)
	require.NoError(t, err)
	return data
}

var parsed sync.Map // name → *Tokenizer

func reference(t testing.TB, name string) *Tokenizer {
	t.Helper()
	if tok, ok := parsed.Load(name); ok {
		return tok.(*Tokenizer)
	}
	tok, err := Parse(gunzip(t, name+"/tokenizer.json.gz"))
	require.NoError(t, err)
	parsed.Store(name, tok)
	return tok
}

type referenceCase struct {
	Kind, Text string
	RawB64     *string `json:"raw_b64"`
	IDs        []int32
	Tokens     []string
	Offsets    [][2]int
	IDsSpecial []int32 `json:"ids_special"`
	IDsMax16   []int32 `json:"ids_special_max16"`
}

func referenceCases(t testing.TB, name string) (cases []referenceCase) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(gunzip(t, name+"/cases.jsonl.gz")))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var c referenceCase
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		if c.RawB64 != nil {
			raw, err := base64.StdEncoding.DecodeString(*c.RawB64)
			require.NoError(t, err)
			c.Text = string(raw)
		}
		cases = append(cases, c)
	}
	require.NoError(t, lines.Err())
	require.Greater(t, len(cases), 390)
	return cases
}

func encode(t testing.TB, tok *Tokenizer, text string, o Options) []int32 {
	t.Helper()
	e, err := tok.Encode(text, o)
	require.NoError(t, err)
	return e.IDs
}

// sameIDs holds nil and an empty slice for the same.
func sameIDs(t testing.TB, want, got []int32, args ...any) bool {
	t.Helper()
	return assert.Equal(t, append([]int32{}, want...), append([]int32{}, got...), args...)
}

func TestReferenceCases(t *testing.T) {
	for _, name := range referenceNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tok, raw := reference(t, name), 0
			for i, c := range referenceCases(t, name) {
				if c.RawB64 != nil {
					raw++
				}
				ids := encode(t, tok, c.Text, Options{NoSpecial: true})
				sameIDs(t, c.IDs, ids, "case %d, %q", i, c.Text)
				sameIDs(t, c.IDsSpecial, encode(t, tok, c.Text, Options{}), "case %d, %q, special", i, c.Text)
				max16 := c.IDsMax16
				if max16 == nil {
					max16 = c.IDsSpecial
				}
				e, err := tok.Encode(c.Text, Options{MaxTokens: 16})
				require.NoError(t, err)
				sameIDs(t, max16, e.IDs, "case %d, %q, max 16", i, c.Text)
				assert.Equal(t, len(c.IDsSpecial)-len(max16), e.Truncated, "case %d, %q", i, c.Text)
				pieces := []string{}
				for k, id := range ids {
					piece, ok := tok.Token(id)
					assert.True(t, ok)
					back, ok := tok.ID(piece)
					assert.True(t, ok && back == id, "id of %q", piece)
					// The reference gives the text of added tokens, with the white space that
					// they took, and of unknown parts.
					if want := c.Tokens[min(k, len(c.Tokens)-1)]; tok.added.pieces[id] != "" && strings.TrimSpace(want) == strings.TrimSpace(piece) ||
						id == unknownID(tok) {
						piece = want
					}
					pieces = append(pieces, piece)
				}
				assert.Equal(t, c.Tokens, pieces, "case %d, %q", i, c.Text)
			}
			assert.Positive(t, raw)
		})
	}
}

// unknownID returns the unknown id of a Unigram model, -1 for others.
func unknownID(tok *Tokenizer) int32 {
	if m, ok := tok.model.(*unigram); ok {
		return m.unknown
	}
	return -1
}

func TestPipelines(t *testing.T) {
	data, err := os.ReadFile("testdata/pipeline.json")
	require.NoError(t, err)
	var all struct {
		Texts []string
		Files []struct {
			Name string
			File json.RawMessage
			IDs  [][]int32
		}
	}
	require.NoError(t, json.Unmarshal(data, &all))
	for _, f := range all.Files {
		t.Run(f.Name, func(t *testing.T) {
			tok, err := Parse(f.File)
			require.NoError(t, err)
			for i, text := range all.Texts {
				sameIDs(t, f.IDs[i], encode(t, tok, text, Options{}), "%q", text)
			}
		})
	}
}

// wordPieceFile returns a tokenizer.json whose vocabulary has [UNK] [CLS] [SEP] a b ab ##a ##b,
// with these sections besides.
func wordPieceFile(sections string) string {
	if sections != "" {
		sections += ","
	}
	return `{"version":"1.0",` + sections + `"model":{"type":"WordPiece","unk_token":"[UNK]",
		"continuing_subword_prefix":"##","max_input_chars_per_word":100,
		"vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"a":3,"b":4,"ab":5,"##a":6,"##b":7}}}`
}

// splitWords returns the words that the pre-tokenizers make of text.
func splitWords(tok *Tokenizer, text string) (words []string) {
	out, spans := tok.preTokenize([]byte(text), span{0, len(text)}, true, &scratch{})
	for _, w := range spans {
		words = append(words, string(out[w.start:w.end]))
	}
	return words
}

func TestSweepOfAllCodePoints(t *testing.T) {
	data, err := os.ReadFile("testdata/sweep.json")
	require.NoError(t, err)
	var sweeps []struct {
		Name  string
		File  json.RawMessage
		CRC32 []uint32
	}
	require.NoError(t, json.Unmarshal(data, &sweeps))
	for _, sweep := range sweeps {
		t.Run(sweep.Name, func(t *testing.T) {
			t.Parallel()
			tok, err := Parse(sweep.File)
			require.NoError(t, err)
			s := tok.pool.Get().(*scratch)
			apply := func(c string) string {
				switch sweep.Name {
				case "split":
					return strings.Join(splitWords(tok, c+" a"+c+"b"), "|") + "\n"
				case "single_word", "lstrip", "rstrip":
					text := map[string]string{"single_word": "%[1]sQ Q%[1]s", "lstrip": "%sQ", "rstrip": "Q%s"}[sweep.Name]
					ids := encode(t, tok, fmt.Sprintf(text, c), Options{})
					return strings.ReplaceAll(fmt.Sprintln(ids), " ", ", ")
				}
				if strings.HasPrefix(sweep.Name, "words of ") {
					return strings.Join(splitWords(tok, c+"a"+c+"\u4e2d"+c+" "+c), "|") + "\n"
				}
				return string(tok.normalize([]byte(c+"|a"+c+"b|e\u0345\u0301"+c+"\u0323\u302ax\n"), s))
			}
			for block, want := range sweep.CRC32 {
				sum := crc32.NewIEEE()
				for c := rune(block << 12); c < rune(block+1)<<12; c++ {
					if c < 0xD800 || c > 0xDFFF {
						_, _ = io.WriteString(sum, apply(string(c)))
					}
				}
				assert.Equal(t, want, sum.Sum32(), "U+%04X to U+%04X", block<<12, block<<12|0xFFF)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	data, err := os.ReadFile("testdata/decode.json")
	require.NoError(t, err)
	var cases []struct {
		Tokenizer, Text, Special string
		IDs                      []int32
	}
	require.NoError(t, json.Unmarshal(data, &cases))
	small := map[string]string{"none": "", "WordPiece": `"decoder":{"type":"WordPiece","prefix":"##","cleanup":false}`}
	for _, c := range cases {
		var tok *Tokenizer
		if sections, ok := small[c.Tokenizer]; ok {
			tok, err = Parse([]byte(strings.Replace(wordPieceFile(sections), `"##b":7`, `"##b":7,"##":14`, 1)))
			require.NoError(t, err)
		} else {
			tok = reference(t, c.Tokenizer)
		}
		text, err := tok.Decode(c.IDs, DecodeOptions{})
		require.NoError(t, err)
		assert.Equal(t, c.Text, text, "%s %v", c.Tokenizer, c.IDs)
		text, err = tok.Decode(c.IDs, DecodeOptions{KeepSpecial: true})
		require.NoError(t, err)
		assert.Equal(t, c.Special, text, "%s %v", c.Tokenizer, c.IDs)
	}
	for _, id := range []int32{-1, 30522, 1 << 30} {
		_, err := reference(t, "bert-base-uncased").Decode([]int32{101, id}, DecodeOptions{})
		assert.EqualError(t, err, fmt.Sprintf("token 1: id %d is not in the vocabulary", id))
	}
}
