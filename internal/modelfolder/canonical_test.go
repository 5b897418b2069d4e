package modelfolder

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A tokenizer that was checked has the sum that it has had, however it is written.
func TestCanonicalOfChecked(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "goldens", "*", "model", "tokenizer.json"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join("..", "..", "embed", "minilm", "model", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range append(files, more...) {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		if strings.TrimSpace(string(data))[0] == '{' {
			require.Equal(t, string(Canonical(data)), string(canonicalOfChecked(data)), name)
		}
	}
	for _, text := range []string{"{}", " { } ", `{"a":1}`, "\n{ \"b\" : [ 1 , { \"x\" : \"\\\"]}\" } ] ,\t\"a<\\u00e9\": \"<>&\u2028\u2029\u2027 \\\\\" }\r\n",
		`{"truncation": {"x": [1]}, "padding": "}", "é": null}`} {
		require.Equal(t, string(Canonical([]byte(text))), string(canonicalOfChecked([]byte(text))), text)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		object := map[string]any{}
		for i := range random.IntN(5) {
			object[fmt.Sprint(randomText(random), i)] = randomValue(random, 0)
		}
		if random.IntN(3) == 0 {
			object["padding"] = randomValue(random, 0)
		}
		data, err := json.MarshalIndent(object, randomSpace(random), randomSpace(random))
		require.NoError(t, err)
		require.Equal(t, string(Canonical(data)), string(canonicalOfChecked(data)))
	}
}

func randomSpace(r *rand.Rand) string { return []string{"", " ", "\t", "\n\r "}[r.IntN(4)] }

func randomText(r *rand.Rand) string {
	text := ""
	for range r.IntN(6) {
		text += []string{"a", "\"", "\\", "{", "]", ",", ":", "<", "&", ">", "\u2028", "\u2029", "é", "\n", " ", "漢", "\U0001f600"}[r.IntN(17)]
	}
	return text
}

func randomValue(r *rand.Rand, depth int) any {
	switch n := r.IntN(7); {
	case n == 0:
		return nil
	case n == 1:
		return r.NormFloat64()
	case n == 2:
		return r.IntN(2) == 0
	case n == 3 && depth < 3:
		list := []any{}
		for range r.IntN(4) {
			list = append(list, randomValue(r, depth+1))
		}
		return list
	case n == 4 && depth < 3:
		object := map[string]any{}
		for range r.IntN(4) {
			object[randomText(r)] = randomValue(r, depth+1)
		}
		return object
	}
	return randomText(r)
}
