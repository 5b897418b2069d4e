package tokenizer

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A realFile is what a tokenizer.json says that older files say too.
type realFile struct {
	AddedTokens []map[string]any `json:"added_tokens"`
	Normalizer  struct {
		Charsmap string `json:"precompiled_charsmap"`
	}
	Model struct {
		Vocab  json.RawMessage
		Merges []json.RawMessage
	}
}

// pieces returns the pieces by id.
func (f *realFile) pieces(t testing.TB) []string {
	ids := map[string]int{}
	require.NoError(t, json.Unmarshal(f.Model.Vocab, &ids))
	pieces := make([]string, len(ids))
	for piece, id := range ids {
		pieces[id] = piece
	}
	return pieces
}

// scores returns the pieces of a Unigram model and their scores.
func (f *realFile) scores(t testing.TB) (pieces []string, scores []float32) {
	var vocab [][2]any
	require.NoError(t, json.Unmarshal(f.Model.Vocab, &vocab))
	for _, v := range vocab {
		pieces = append(pieces, v[0].(string))
		scores = append(scores, float32(v[1].(float64)))
	}
	return pieces, scores
}

// merges returns the content of merges.txt.
func (f *realFile) merges(t testing.TB) string {
	out := "#version: 0.2\n"
	var all strings.Builder
	for _, m := range f.Model.Merges {
		var pair []string
		var line string
		if json.Unmarshal(m, &pair) == nil {
			line = strings.Join(pair, " ")
		} else {
			require.NoError(t, json.Unmarshal(m, &line))
		}
		all.WriteString(line + "\n")
	}
	return out + all.String()
}

// config returns a tokenizer_config.json of that class with the added tokens of f.
func (f *realFile) config(t testing.TB, class string, more map[string]any) string {
	config := map[string]any{"tokenizer_class": class}
	added := map[string]any{}
	for _, token := range f.AddedTokens {
		entry := map[string]any{}
		for key, value := range token {
			if key != "id" {
				entry[key] = value
			}
		}
		added[fmt.Sprint(token["id"])] = entry
	}
	config["added_tokens_decoder"] = added
	for key, value := range more {
		config[key] = value
	}
	data, err := json.Marshal(config)
	require.NoError(t, err)
	return string(data)
}

// appendField appends a field of Protocol Buffers that has a length.
func appendField(dst []byte, number int, data []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(number<<3|lengthWire))
	return append(binary.AppendUvarint(dst, uint64(len(data))), data...)
}

// writeSPM writes a SentencePiece model.
func writeSPM(kind int, pieces []string, scores []float32, charsmap []byte) []byte {
	var out []byte
	for i, piece := range pieces {
		s := append(appendField(nil, 1, []byte(piece)), 2<<3|fixed32Wire)
		out = appendField(out, 1, binary.LittleEndian.AppendUint32(s, math.Float32bits(scores[i])))
	}
	out = appendField(out, 2, []byte{3<<3 | varintWire, byte(kind)})
	return appendField(out, 3, appendField(nil, 2, charsmap))
}

// The files that transformers converted to a real tokenizer.json, derived from
// it, give its ids. The scores of xlm-roberta-base are rounded in ours, so that
// float32, which a SentencePiece model has, does not hold them.
func TestFallbackReal(t *testing.T) {
	wordPiece := func(config map[string]any) func(t *testing.T, f *realFile) map[string]string {
		return func(t *testing.T, f *realFile) map[string]string {
			return map[string]string{
				"vocab.txt":   strings.Join(f.pieces(t), "\n") + "\n",
				"config.json": `{"model_type": "bert"}`, configFile: f.config(t, "BertTokenizer", config),
			}
		}
	}
	byteLevel := func(class string, config map[string]any) func(t *testing.T, f *realFile) map[string]string {
		return func(t *testing.T, f *realFile) map[string]string {
			return map[string]string{"vocab.json": string(f.Model.Vocab), "merges.txt": f.merges(t), configFile: f.config(t, class, config)}
		}
	}
	for name, files := range map[string]func(t *testing.T, f *realFile) map[string]string{
		"bert-base-uncased":            wordPiece(nil),
		"bert-base-chinese":            wordPiece(map[string]any{"do_lower_case": false}),
		"bert-base-multilingual-cased": wordPiece(map[string]any{"do_lower_case": false}),
		"roberta-base":                 byteLevel("RobertaTokenizer", nil),
		"phi-2":                        byteLevel("GPT2Tokenizer", nil),
		"qwen3":                        byteLevel("Qwen2Tokenizer", nil),
		"t5-small": func(t *testing.T, f *realFile) map[string]string {
			pieces, scores := f.scores(t)
			charsmap, err := base64.StdEncoding.DecodeString(f.Normalizer.Charsmap)
			require.NoError(t, err)
			n := len(pieces) - 100
			return map[string]string{"spiece.model": string(writeSPM(unigramKind, pieces[:n], scores, charsmap)), "config.json": `{"model_type": "t5"}`}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var f realFile
			require.NoError(t, json.Unmarshal(gunzip(t, name+"/tokenizer.json.gz"), &f))
			folder := fstest.MapFS{}
			for name, content := range files(t, &f) {
				folder[name] = &fstest.MapFile{Data: []byte(content)}
			}
			tok, err := LoadAs(folder, 5)
			require.NoError(t, err)
			assert.Equal(t, reference(t, name).VocabSize(), tok.VocabSize())
			for i, c := range referenceCases(t, name) {
				sameIDs(t, c.IDs, encode(t, tok, c.Text, Options{NoSpecial: true}), "case %d, %q", i, c.Text)
				sameIDs(t, c.IDsSpecial, encode(t, tok, c.Text, Options{}), "case %d, %q, special", i, c.Text)
			}
		})
	}
}

// The merges of a SentencePiece model are those of the tokenizer.json that it
// was converted to, but for the order of those that make the same piece: older
// versions of transformers went by the ids of the two, 5.23 goes by their
// lengths. They put runs of U+2581, which have the lowest scores, last.
func TestFallbackMerges(t *testing.T) {
	for _, name := range []string{"mistral-v1", "phi-3-mini"} {
		t.Run(name, func(t *testing.T) {
			var f realFile
			require.NoError(t, json.Unmarshal(gunzip(t, name+"/tokenizer.json.gz"), &f))
			pieces := f.pieces(t)
			spm, err := parseSentencePiece(writeSPM(bpeKind, pieces, make([]float32, len(pieces)), nil))
			require.NoError(t, err)
			var got, made, wantMade []string
			spm.merges(func(left, right, result int32) {
				got, made = append(got, pieces[left]+" "+pieces[right]), append(made, pieces[result])
			})
			want := strings.Split(strings.TrimSpace(f.merges(t)), "\n")[1:]
			for _, line := range want {
				wantMade = append(wantMade, strings.Replace(line, " ", "", 1))
			}
			run := func(piece string) bool { return strings.Trim(piece, metaspaceChar) == "" }
			assert.True(t, slices.Equal(slices.DeleteFunc(wantMade, run), slices.DeleteFunc(made, run)), "pieces that merges make")
			slices.Sort(got)
			slices.Sort(want)
			assert.True(t, slices.Equal(want, got), "%d merges, expected %d", len(got), len(want))
		})
	}
}
