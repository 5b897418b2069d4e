package embedhttp

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/tensor"
)

// The vendors' own clients get the library's vectors and scores, and the errors they know.
// They are installed from the registries, in the versions of testdata/clients. RHUMB_CLIENTS=all
// has the libraries for pipelines of Python too, whose installation takes a minute and 700 MB.
func TestClients(t *testing.T) {
	if os.Getenv("RHUMB_CLIENTS") == "" {
		t.Skip("NOT RUN: the vendors' clients. RHUMB_CLIENTS=1 installs them with pip, npm and go, and runs them")
	}
	keys, err := NewKeys([]string{"sesame"})
	require.NoError(t, err)
	folder := t.TempDir()
	tokenizer, big := cl100k(t, folder)
	h, _ := served(t, func(c *Config) {
		addCross(t)(c)
		c.Keys, c.Default = keys, "tiny"
		c.Models[0].Aliases = append(c.Models[0].Aliases, "embed-multilingual-v3.0", "mistral-embed") // names that LlamaIndex and chromem-go want
		c.Models = append(c.Models, Model{Name: "cl100k", Queue: embed.NewQueue(big, embed.QueueConfig{}), Info: big.Info()})
	})
	server := httptest.NewServer(h)
	defer server.Close()

	texts := []string{"The food was delicious", "Das Essen war köstlich 😀", " ", "a\tb\n\"c\""}
	want := library(t, embed.Options{Formats: []encoding.Format{encoding.Base64, encoding.Int8}}, texts...)
	var vectors, bigVectors []string
	var int8s [][]int8
	tokens := 0
	for _, e := range want.Embeddings {
		vectors, int8s = append(vectors, e.Base64), append(int8s, e.Int8)
		tokens += e.Tokens
	}
	want, err = big.Embed(t.Context(), texts, embed.Options{Formats: []encoding.Format{encoding.Base64}})
	require.NoError(t, err)
	for _, e := range want.Embeddings {
		bigVectors = append(bigVectors, e.Base64)
	}
	var documents []string
	for _, e := range library(t, embed.Options{PromptName: "document", Formats: []encoding.Format{encoding.Base64}}, texts...).Embeddings {
		documents = append(documents, e.Base64)
	}
	ranked, err := cross(t).Rank(t.Context(), texts[0], texts, 0, rerank.Options{})
	require.NoError(t, err)
	var ranking [][]any
	rankingTokens := 0
	for _, r := range ranked {
		ranking = append(ranking, []any{r.Index, float64(r.Value)})
		rankingTokens += r.Tokens
	}
	require.NoError(t, os.CopyFS(folder, os.DirFS("testdata/clients")))
	content, err := json.Marshal(map[string]any{
		"texts": texts, "vectors": vectors, "documents": documents, "int8": int8s, "tokens": tokens, "tokenizer": tokenizer, "cl100k": bigVectors,
		"ranking": ranking, "rankingTokens": rankingTokens,
	})
	require.NoError(t, err)
	expected := filepath.Join(folder, "expected.json")
	require.NoError(t, os.WriteFile(expected, content, 0o666))
	python := func(environment string) string {
		if runtime.GOOS == "windows" {
			return filepath.Join(folder, environment, "Scripts", "python.exe")
		}
		return filepath.Join(folder, environment, "bin", "python")
	}
	pip := func(environment, requirements string) [][]string {
		return [][]string{{"python3", "-m", "venv", environment}, {python(environment), "-m", "pip", "install", "--quiet", "-r", requirements}}
	}
	plain, frameworks := python("venv"), python("venv-frameworks")
	run := func(command []string) ([]byte, error) {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir = folder
		return cmd.CombinedOutput()
	}
	type set struct{ install, clients [][]string }
	sets := map[string]set{
		"Python": {pip("venv", "requirements.txt"), [][]string{{plain, "clients.py", server.URL, expected}, {plain, "dialects.py", server.URL, expected}}},
		"Node":   {[][]string{{"npm", "install", "--silent", "--no-audit", "--no-fund"}}, [][]string{{"node", "client.mjs", server.URL, expected}}},
		// list downloads the modules of what is imported, where download would take those of others' tests too.
		"Go": {[][]string{{"go", "-C", "gosdk", "list", "-deps", "."}}, [][]string{{"go", "-C", "gosdk", "run", ".", server.URL, expected}}},
	}
	if os.Getenv("RHUMB_CLIENTS") == "all" {
		all := set{install: pip("venv-frameworks", filepath.Join("frameworks", "requirements.txt"))}
		for _, library := range []string{"langchain", "llama_index", "haystack", "litellm"} {
			all.clients = append(all.clients, []string{frameworks, filepath.Join("frameworks", "with_"+library+".py"), server.URL, expected})
		}
		sets["Python's frameworks"] = all
	}
	for name, c := range sets {
		t.Run(name, func(t *testing.T) {
			for _, command := range c.install {
				if output, err := run(command); err != nil {
					t.Skipf("NOT RUN: %v: %v\n%s", command, err, output)
				}
			}
			for _, client := range c.clients {
				output, err := run(client)
				require.NoError(t, err, "%v\n%s", client, output)
				t.Logf("%s", output)
			}
		})
	}
}

// cl100k returns a model that reads the tokens that OpenAI's do, and its
// tokenizer.json. The model is a table of random vectors in folder.
func cl100k(t *testing.T, folder string) (string, *embed.Model) {
	t.Helper()
	f, err := os.Open("../../tokenizer/testdata/cl100k/tokenizer.json.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	content, err := io.ReadAll(z)
	require.NoError(t, err)
	folder = filepath.Join(folder, "cl100k")
	require.NoError(t, os.Mkdir(folder, 0o777))
	put := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, content, 0o666))
		return path
	}
	put("modules.json", []byte(`[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.StaticEmbedding"}]`))
	const tokens, dimensions = 100277, 8 // <|endofprompt|> is the last
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 0, 4*tokens*dimensions)
	for range tokens * dimensions {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(random.Float32()-0.5))
	}
	var file bytes.Buffer
	require.NoError(t, tensor.Write(&file, []tensor.Tensor{{Name: "embedding.weight", DType: tensor.F32, Shape: []int{tokens, dimensions}, Data: data}}, nil))
	put("model.safetensors", file.Bytes())
	path := put("tokenizer.json", content)
	m, err := embed.Load(t.Context(), folder, embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return path, m
}
