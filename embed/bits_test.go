package embed_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/rhumb-go/rhumb/internal/kernel"
)

var writeBits = flag.Bool("write-bits", false, "write testdata/bits.json as this CPU has it, beside what others have; for a change of numerics alone")

// bitsTexts are a few tokens, some hundred, and nothing that the tokenizers know.
var bitsTexts = []string{
	"a", "The food was delicious.", "Das Essen war köstlich, 東京 も 寿司 も.", "¿Qué?\n\ttabs, numbers 1234567890 and \U0001F600",
	strings.Repeat("one two three, four. ", 60), "zzzz qqqq", "Query: what is the capital of France?", strings.Repeat("x", 300),
}

// bits are what must not change without a change of numerics in fingerprint.go.
type bits struct {
	Fingerprints map[string]string            // by model and precision
	Vectors      map[string]map[string]string // by precision and arithmetic: a sum by model
}

// The bits of the vectors, and with them the fingerprints, are those that earlier
// versions made: of the tiny models of testdata/goldens and MiniLM, in each precision.
func TestBits(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: -short, and it goes through all sets of kernels itself")
	}
	const file = "testdata/bits.json"
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var want bits
	require.NoError(t, json.Unmarshal(data, &want))
	models, err := filepath.Glob("../testdata/goldens/*/model")
	require.NoError(t, err)
	compared := 0
	generic, err := kernel.ByName("generic")
	require.NoError(t, err)
	for _, s := range kernel.Sets() {
		set := s.Name()
		for _, precision := range []embed.Precision{embed.Float32, embed.BFloat16, embed.Int8} {
			for _, dir := range append(models, "minilm") {
				load, name := func(ctx context.Context, cfg embed.Config) (*embed.Model, error) { return embed.Load(ctx, dir, cfg) }, filepath.Base(filepath.Dir(dir))
				if dir == "minilm" {
					load, name = minilm.Load, "minilm inside"
					if s.Rounds() {
						continue // slow in plain Go
					}
				}
				m, err := load(t.Context(), embed.Config{Precision: precision, Kernels: set})
				require.NoError(t, err, name)
				info := m.Info()
				model := name + " " + precision.String()
				way := info.Arithmetic + ", " + s.How(kernel.BFloat16) + " on " + set // attention's too
				switch {
				case s.Rounds():
					way = generic.How(kernel.Format(precision)) + ", " + generic.How(kernel.BFloat16) + " on generic"
				case precision == embed.Float32:
					way = "float32 on SIMD"
				}
				sum := sumVectors(t, m)
				print, err := m.Fingerprint(t.Context())
				require.NoError(t, err, name)
				require.NoError(t, m.Close())
				if *writeBits {
					if want.Vectors[way] == nil {
						want.Vectors[way] = map[string]string{}
					}
					want.Vectors[way][name], want.Fingerprints[model] = sum, print
					continue
				}
				assert.Equal(t, want.Fingerprints[model], print, model)
				if sums, ok := want.Vectors[way]; ok {
					compared++
					assert.Equal(t, sums[name], sum, "%s, %s", name, way)
				} else {
					t.Logf("%s is not in %s", way, file)
				}
			}
		}
	}
	if *writeBits {
		data, err := json.MarshalIndent(want, "", "\t")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, append(data, '\n'), 0o644))
		return
	}
	require.Positive(t, compared)
}

// sumVectors returns a sum of the vectors of bitsTexts, with the prompts that m has.
func sumVectors(t *testing.T, m *embed.Model) string {
	h := sha256.New()
	for _, prompt := range []string{"", "query", "document"} {
		opts := embed.Options{PromptName: prompt, Unnormalized: prompt == "document"}
		result, err := m.Embed(context.Background(), bitsTexts, opts)
		if option := (*embed.OptionError)(nil); errors.As(err, &option) { // no default route, or a long prompt
			continue
		}
		require.NoError(t, err)
		for _, e := range result.Embeddings {
			for _, x := range e.Float32 {
				h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
