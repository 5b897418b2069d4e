package embed

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/mutate"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

const goldens = "../testdata/goldens"

// families are the tiny models of testdata/goldens.
var families = func() (names []string) {
	models, err := filepath.Glob(filepath.Join(goldens, "*", "model"))
	if err != nil || len(models) == 0 {
		panic(fmt.Sprint("no goldens: ", err))
	}
	for _, dir := range models {
		names = append(names, filepath.Base(filepath.Dir(dir)))
	}
	return names
}()

// goldenTolerance is for values of size about 1 after two or three layers of
// float32 sums in another order than the reference's; the goldens' own padded
// and unpadded answers differ by up to 2e-6. Worst seen: 4e-6, on every set.
const goldenTolerance = 3e-5

// longOnly leaves out, where -short asks for it, a test of what is the same with each set of
// kernels as the best one.
func longOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: -short, and it does not depend on the kernels of this CPU")
	}
}

// cases is a cases.json.
type cases struct {
	Texts        []string
	IDs          [][]int32 `json:"ids"`
	IDsQuery     [][]int32 `json:"ids_query"`
	IDsCustom    [][]int32 `json:"ids_custom"`
	Untruncated  [][]int32 `json:"ids_untruncated"`
	Prompt       string    // of all-MiniLM-L6-v2
	CustomPrompt string    `json:"custom_prompt"`
	Lengths      []int     `json:"golden_lengths"`
	Normalize    bool
	MaxSeqLength int `json:"max_seq_length"`
	TruncateDim  int `json:"truncate_dim"`
	Dim          int
	Prompts      map[string]string
	// PromptLengths are the tokens of the prompts by themselves, "query" and "custom".
	PromptLengths map[string]int `json:"prompt_lengths"`
}

// tooLong reports whether nothing of a text is left after the prompt, which the
// reference then cuts, and which is an error here.
func (c *cases) tooLong(prompt string) bool { return c.PromptLengths[prompt] >= c.MaxSeqLength-1 }

func readCases(t testing.TB, name string) cases {
	data, err := os.ReadFile(filepath.Join(goldens, name, "cases.json"))
	require.NoError(t, err)
	var c cases
	require.NoError(t, json.Unmarshal(data, &c))
	return c
}

// readTensors returns the rows of each tensor of a file, as float32.
func readTensors(t testing.TB, name, file string) map[string][][]float32 {
	f, err := tensor.Open(filepath.Join(goldens, name, file))
	require.NoError(t, err)
	defer f.Close()
	all := map[string][][]float32{}
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		data := make([]float32, x.Len())
		switch x.DType {
		case tensor.I64:
			for i := range data {
				data[i] = float32(binary.LittleEndian.Uint64(x.Data[8*i:]))
			}
		case tensor.I32:
			for i := range data {
				data[i] = float32(binary.LittleEndian.Uint32(x.Data[4*i:]))
			}
		case tensor.I8:
			for i, b := range x.Data {
				data[i] = float32(int8(b))
			}
		case tensor.U8:
			for i, b := range x.Data {
				data[i] = float32(b)
			}
		default:
			require.NoError(t, x.Float32s(data))
		}
		for width := x.Shape[len(x.Shape)-1]; len(data) > 0; data = data[width:] {
			all[name] = append(all[name], data[:width])
		}
	}
	return all
}

// readModel returns the files of a tiny model, for a test to change.
func readModel(t testing.TB, name string) fstest.MapFS {
	return readFolder(t, filepath.Join(goldens, name, "model"))
}

// readFolder returns the files of a folder.
func readFolder(t testing.TB, path string) fstest.MapFS {
	files, err := mutate.Folder(path)
	require.NoError(t, err)
	return files
}

// replace replaces old, which must be there, by new in a file.
func replace(t testing.TB, files fstest.MapFS, name, old, new string) {
	require.Contains(t, string(files[name].Data), old)
	files[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(files[name].Data), old, new))}
}

func write(files fstest.MapFS, name, content string) {
	files[name] = &fstest.MapFile{Data: []byte(content)}
}

func loadGolden(t testing.TB, name string, cfg Config) *Model {
	m, err := Load(t.Context(), filepath.Join(goldens, name, "model"), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	return m
}

func loadFiles(t testing.TB, files fstest.MapFS, cfg Config) *Model {
	m, err := LoadFS(t.Context(), files, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	return m
}

func embedTexts(t testing.TB, m *Model, texts []string, opts Options) *Result {
	r, err := m.Embed(context.Background(), texts, opts)
	require.NoError(t, err)
	return r
}

func embedIDs(t testing.TB, m *Model, ids [][]int32, opts Options) *Result {
	r, err := m.EmbedIDs(context.Background(), ids, opts)
	require.NoError(t, err)
	return r
}

// tokenized returns the ids of a text, and how many were dropped.
func tokenized(t testing.TB, m *Model, text string, opts Options) (ids []int32, truncated int) {
	c := m.texts([]string{text}, opts)
	_, err := c.Check()
	require.NoError(t, err)
	c.Begin(context.Background())
	tokens, err := c.Append(pipeline.Tokens{}, 0)
	require.NoError(t, err)
	return tokens.IDs, c.result.Embeddings[0].Truncated
}

// requireClose requires that each embedding is within tolerance of its row of want.
func requireClose(t testing.TB, want [][]float32, got *Result, tolerance float64) {
	t.Helper()
	require.Len(t, got.Embeddings, len(want))
	worst := 0.0
	for i, e := range got.Embeddings {
		require.Len(t, e.Float32, len(want[i]))
		require.Equal(t, got.Dimensions, len(e.Float32))
		for j, x := range e.Float32 {
			d := math.Abs(float64(x) - float64(want[i][j]))
			require.LessOrEqualf(t, d, tolerance, "input %d, component %d: %v, expected %v", i, j, x, want[i][j])
			worst = max(worst, d)
		}
	}
	t.Logf("worst difference %.1e", worst)
}

// cutResult returns r with the first n components of each embedding.
func cutResult(r *Result, n int) *Result {
	cut := &Result{Dimensions: n}
	for _, e := range r.Embeddings {
		e.Float32 = e.Float32[:n]
		cut.Embeddings = append(cut.Embeddings, e)
	}
	return cut
}

// The tiny models answer as sentence-transformers does, on every kernel set.
func TestGoldens(t *testing.T) {
	for _, name := range families {
		c, want := readCases(t, name), readTensors(t, name, "encode.safetensors")
		// The first text is empty: an error here, and ids of special tokens alone there.
		require.Empty(t, c.Texts[0])
		texts := c.Texts[1:]
		for _, set := range kernel.Sets() {
			t.Run(name+"/"+set.Name(), func(t *testing.T) {
				m := loadGolden(t, name, Config{Kernels: set.Name(), Workers: 2})
				require.Equal(t, c.Dim, m.Info().Dimensions)
				require.Equal(t, c.MaxSeqLength, m.Info().MaxTokens)
				require.Equal(t, c.Normalize, m.Info().Normalized)
				// What encode gives unasked: the model's own modules, and no more.
				own := Options{Unnormalized: !c.Normalize}
				with := func(change func(o *Options)) Options {
					o := own
					change(&o)
					return o
				}
				query := with(func(o *Options) { o.PromptName = "query" })
				custom := with(func(o *Options) { o.Prompt = c.CustomPrompt })
				requireClose(t, want["plain"][1:], embedTexts(t, m, texts, own), goldenTolerance)
				for prompt, opts := range map[string]Options{"query": query, "custom": custom} {
					if c.tooLong(prompt) {
						_, err := m.Embed(context.Background(), texts, opts)
						require.ErrorContains(t, err, "tokens, model reads")
						continue
					}
					requireClose(t, want[prompt][1:], embedTexts(t, m, texts, opts), goldenTolerance)
				}
				requireClose(t, want["normalized"][1:], embedTexts(t, m, texts, Options{}), goldenTolerance)
				requireClose(t, want["trunc_norm"][1:], embedTexts(t, m, texts, Options{Dimensions: c.TruncateDim}), goldenTolerance)
				if c.Normalize { // trunc is cut after the model's own Normalize, and not brought to unit length again
					full := embedTexts(t, m, texts, own)
					requireClose(t, want["trunc"][1:], cutResult(full, c.TruncateDim), goldenTolerance)
				} else {
					cut := with(func(o *Options) { o.Dimensions = c.TruncateDim })
					requireClose(t, want["trunc"][1:], embedTexts(t, m, texts, cut), goldenTolerance)
				}
				requireClose(t, want["plain"], embedIDs(t, m, c.IDs, own), goldenTolerance)
			})
		}
	}
}

// Embed reads the tokens that the reference reads.
func TestGoldenIDs(t *testing.T) {
	for _, name := range families {
		t.Run(name, func(t *testing.T) {
			c, m := readCases(t, name), loadGolden(t, name, Config{})
			for _, variant := range []struct {
				prompt string
				want   [][]int32
				opts   Options
			}{{"", c.IDs, Options{}}, {"query", c.IDsQuery, Options{PromptName: "query"}}, {"custom", c.IDsCustom, Options{Prompt: c.CustomPrompt}}} {
				if c.tooLong(variant.prompt) {
					continue
				}
				got := embedTexts(t, m, c.Texts[1:], variant.opts)
				for i := range c.Texts[1:] {
					ids, truncated := tokenized(t, m, c.Texts[i+1], variant.opts)
					require.Equal(t, variant.want[i+1], ids)
					require.Equal(t, len(ids), got.Embeddings[i].Tokens)
					require.Equal(t, truncated, got.Embeddings[i].Truncated)
				}
			}
			got := embedTexts(t, m, c.Texts[1:], Options{})
			for i, e := range got.Embeddings {
				require.Equal(t, len(c.Untruncated[i+1]), e.Tokens+e.Truncated)
			}
		})
	}
}

// Every pooling mode of ids gives what the reference's Pooling does.
func TestGoldenPooling(t *testing.T) {
	for _, name := range families {
		c, want := readCases(t, name), readTensors(t, name, "golden.safetensors")
		inputs := make([][]int32, len(c.Lengths))
		for i, n := range c.Lengths {
			for _, id := range want["input_ids"][i][:n] {
				inputs[i] = append(inputs[i], int32(id))
			}
		}
		t.Run(name+"/sentence", func(t *testing.T) {
			m := loadGolden(t, name, Config{})
			requireClose(t, want["sentence"], embedIDs(t, m, inputs, Options{Unnormalized: !c.Normalize}), goldenTolerance)
		})
		for mode := pipeline.PoolCLS; mode <= pipeline.PoolLastToken; mode++ {
			t.Run(name+"/"+mode.String(), func(t *testing.T) {
				files := readModel(t, name)
				write(files, "modules.json", modulesJSON("Transformer", "Pooling"))
				write(files, "1_Pooling/config.json", fmt.Sprintf(`{"embedding_dimension": %d, "pooling_mode": %q}`,
					len(want["pooled_cls"][0]), mode.String()))
				m := loadFiles(t, files, Config{Workers: 2})
				// Weighted sums of 30 tokens and the square root's factor of 6 make larger values.
				requireClose(t, want["pooled_"+mode.String()], embedIDs(t, m, inputs, Options{Unnormalized: true}), goldenTolerance)
			})
		}
	}
}

// modulesJSON returns a modules.json with modules of these classes, in the
// folders "", "1_Pooling" and so on.
func modulesJSON(classes ...string) string {
	var list []map[string]any
	for i, class := range classes {
		path := ""
		if i > 0 {
			path = fmt.Sprintf("%d_%s", i, class)
		}
		list = append(list, map[string]any{"idx": i, "name": fmt.Sprint(i), "path": path, "type": "sentence_transformers.models." + class})
	}
	data, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func float32Tensor(name string, values []float32, shape ...int) tensor.Tensor {
	t := tensor.Tensor{Name: name, DType: tensor.F32, Shape: shape}
	for _, x := range values {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(x))
	}
	return t
}

func safetensors(t testing.TB, tensors ...tensor.Tensor) []byte {
	var b bytes.Buffer
	require.NoError(t, tensor.Write(&b, tensors, nil))
	return b.Bytes()
}
