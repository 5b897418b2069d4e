package command

import (
	"bytes"
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBenchJSON(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	for name, content := range map[string]string{
		"in.jsonl": "[2, 5, 6, 3]\n[2, 7, 3]\n", "in.txt": "summer\nwinter day\n",
	} {
		code, stdout, stderr := rhumb(t, "", "bench", "--model", tiny, "--threads", "1", "--precision", "float32",
			"--input", write(t, name, content), "--seconds", "0.01", "--json")
		require.Zero(t, code, stderr)
		var object map[string]any
		d := json.NewDecoder(strings.NewReader(stdout))
		require.NoError(t, d.Decode(&object))
		require.False(t, d.More())
		var keys []string
		for key := range object {
			keys = append(keys, key)
		}
		assert.ElementsMatch(t, []string{"texts", "tokens", "warmup", "seconds", "kernels", "precision", "threads", "peak_gflops"}, keys)
		assert.EqualValues(t, 2, object["texts"])
		if name == "in.jsonl" {
			assert.EqualValues(t, 7, object["tokens"])
		}
		assert.GreaterOrEqual(t, len(object["seconds"].([]any)), 2)
		assert.EqualValues(t, 1, object["threads"])
		assert.Positive(t, object["peak_gflops"])
	}
	assert.Equal(t, before, runtime.GOMAXPROCS(0))
}

func TestBenchTable(t *testing.T) {
	code, stdout, stderr := rhumb(t, "", "bench", "--model", tiny, "--seconds", "0", "--shapes", "1x16,4x8,1x512")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "\n1x16 ")
	assert.Contains(t, stdout, "\n4x8 ")
	assert.Contains(t, stderr, "1x512 left out")

	code, stdout, stderr = rhumb(t, "", "bench", "--model", tiny, "--seconds", "0", "--shapes", "1x16,4x8", "--json")
	require.Zero(t, code, stderr)
	var m measurement
	d := json.NewDecoder(strings.NewReader(stdout))
	require.NoError(t, d.Decode(&m))
	assert.Equal(t, "1x16", m.Shape)
	assert.Equal(t, 16, m.Tokens)
	require.NoError(t, d.Decode(&m))
	assert.Equal(t, "4x8", m.Shape)
	assert.Equal(t, 4, m.Texts)
	assert.Equal(t, 32, m.Tokens)
}

func TestBenchGEMM(t *testing.T) {
	for _, precision := range []string{"float32", "bfloat16", "int8", "int4"} {
		code, stdout, stderr := rhumb(t, "", "bench", "--model", tiny, "--seconds", "0", "--gemm", "--precision", precision)
		require.Zero(t, code, stderr)
		assert.Contains(t, stdout, precision)
		assert.Regexp(t, `(?m)^ +128 +24 +24 `, stdout)
		assert.Regexp(t, `(?m)^ +512 +24 +\d+ `, stdout)
	}
	code, stdout, stderr := rhumb(t, "", "bench", "--model", tiny, "--seconds", "0", "--gemm", "--json", "--kernels", "generic")
	require.Zero(t, code, stderr)
	d := json.NewDecoder(strings.NewReader(stdout))
	d.DisallowUnknownFields()
	for i := range 4 * 6 { // widths and numbers of rows
		var p productTime
		require.NoError(t, d.Decode(&p))
		assert.Equal(t, []int{16, 32, 64, 128, 256, 512}[i%6], p.M)
		assert.InEpsilon(t, 2*float64(p.M)*float64(p.N)*float64(p.K), p.Rate*1e9*p.Seconds, 1e-9)
		assert.Equal(t, "generic", p.Kernels)
	}
	require.False(t, d.More())
}

// An interruption ends a product that would go on for long.
func TestBenchGEMMInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr bytes.Buffer
	code := run(ctx, []string{"bench", "--model", tiny, "--gemm", "--seconds", "1e6"}, strings.NewReader(""), cancelling{cancel}, &stderr)
	assert.Equal(t, 1, code)
	assert.Equal(t, "rhumb: interrupted\n", stderr.String())
}

// cancelling is interrupted by what is written to it.
type cancelling struct{ cancel func() }

func (c cancelling) Write(p []byte) (int, error) {
	c.cancel()
	return len(p), nil
}

// What measures something else is not passed over.
func TestBenchFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--gemm --threads 2":                  "--gemm and --threads: give one of them",
		"--gemm --shapes 1x16":                "--gemm and --shapes: give one of them",
		"--input in.txt --shapes 1x16":        "--input and --shapes: give one of them",
		"--input in.txt --scaling":            "--input and --scaling: give one of them",
		"--gemm --model " + t.TempDir() + "/": "config.json: no such file or directory; --gemm takes",
	} {
		code, _, stderr := rhumb(t, "", append([]string{"bench"}, strings.Fields(args)...)...)
		assert.NotZero(t, code)
		assert.Contains(t, stderr, want)
	}
}

func TestBenchScaling(t *testing.T) {
	code, stdout, stderr := rhumb(t, "", "bench", "--model", tiny, "--seconds", "0", "--shapes", "1x16", "--threads", "3", "--scaling", "--json")
	require.Zero(t, code, stderr)
	d := json.NewDecoder(strings.NewReader(stdout))
	for _, threads := range []int{1, 2, 3} {
		var m measurement
		require.NoError(t, d.Decode(&m))
		assert.Equal(t, threads, m.Threads)
		assert.Positive(t, m.Peak)
	}
	require.False(t, d.More())
}
