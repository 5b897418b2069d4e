package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A job writes what embed writes, with the columns that it keeps.
func TestBatch(t *testing.T) {
	for from, path := range inputs(t) {
		for _, to := range []string{"jsonl", "jsonl.gz", "jsonl.zst", "csv", "parquet", "npy"} {
			t.Run(from+" to "+to, func(t *testing.T) {
				dir := t.TempDir()
				out := filepath.Join(dir, "out."+to)
				encoding := "int8"
				if to == "npy" {
					encoding = "float16" // it has no place for scales
				}
				flags := []string{"--model", tiny, "--query", "--dimensions", "8", "--encoding", encoding, "--chunk", "2"}
				code, stdout, stderr := rhumb(t, "", append([]string{"batch", path, out}, flags...)...)
				require.Zero(t, code, stderr)
				assert.Empty(t, stderr)
				assert.Equal(t, out+": 3 rows\n", stdout)
				if to == "jsonl" || to == "csv" || to == "npy" {
					same := filepath.Join(dir, "same."+to)
					embed := append([]string{"embed", "--input", path, "--output", same}, flags[:len(flags)-2]...)
					if to == "csv" {
						embed = append(embed, "--on-error", "skip") // a job's has a column of errors in any case
					}
					code, _, stderr := rhumb(t, "", embed...)
					require.Zero(t, code, stderr)
					want, err := os.ReadFile(same)
					require.NoError(t, err)
					got, err := os.ReadFile(out)
					require.NoError(t, err)
					assert.Equal(t, string(want), string(got))
				}
				code, stdout, stderr = rhumb(t, "", append([]string{"batch", path, out}, flags...)...)
				require.Zero(t, code, stderr)
				assert.Equal(t, out+": 3 rows, complete already\n", stdout)

				flags[4] = "16"
				code, _, stderr = rhumb(t, "", append([]string{"batch", path, out}, flags...)...)
				assert.Equal(t, 1, code)
				assert.Contains(t, stderr, "dimensions was 8, is 16: --restart begins the job anew")
				code, _, stderr = rhumb(t, "", append([]string{"batch", path, out, "--restart"}, flags...)...)
				assert.Zero(t, code, stderr)
			})
		}
	}
}

func TestBatchFlags(t *testing.T) {
	model, err := filepath.Abs(tiny)
	require.NoError(t, err)
	t.Setenv("RHUMB_MODEL", model)
	t.Chdir(t.TempDir())
	var lines strings.Builder
	for i := range 10 {
		fmt.Fprintf(&lines, `{"body": "text %d", "url": "u%d", "more": null, "id": %d}`+"\n", i, i, i)
	}
	require.NoError(t, os.WriteFile("in1.jsonl", []byte(lines.String()), 0o666))
	require.NoError(t, os.WriteFile("in2.jsonl", []byte(`{"body": "", "url": "x"}`), 0o666))

	code, stdout, stderr := rhumb(t, "", "batch", "in?.jsonl", "out.jsonl", "--text-field", "body", "--drop", "body", "--on-error", "skip", "--progress", "always")
	assert.Equal(t, 1, code)
	assert.Equal(t, "out.jsonl: 11 rows\n", stdout)
	assert.Contains(t, stderr, "rhumb: 1 of 11 rows are bad: see "+"out.jsonl.errors.jsonl")
	assert.Contains(t, stderr, "11 rows, ")
	data, err := os.ReadFile("out.jsonl")
	require.NoError(t, err)
	rows := strings.Split(string(data), "\n")
	assert.True(t, strings.HasPrefix(rows[3], `{"index":3,"id":3,"url":"u3","more":null,"embedding":[`), rows[3])
	assert.Equal(t, `{"index":10,"url":"x","error":"empty text"}`, rows[10])

	merge := []string{"merge", "all.jsonl"}
	for i := range 3 {
		name := fmt.Sprintf("part%d.jsonl", i)
		code, _, stderr := rhumb(t, "", "batch", "in1.jsonl", name, "--text-field", "body", "--keep", "url,more", "--shard", fmt.Sprintf("%d/3", i+1), "--chunk", "2")
		require.Zero(t, code, stderr)
		merge = append(merge, name)
	}
	code, _, stderr = rhumb(t, "", append(merge, "part0.jsonl")...)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "both are shard 1 of 3")
	code, stdout, stderr = rhumb(t, "", merge...)
	require.Zero(t, code, stderr)
	assert.Equal(t, "all.jsonl: 10 rows\n", stdout)
	data, err = os.ReadFile("all.jsonl")
	require.NoError(t, err)
	assert.Equal(t, strings.Join(rows[:10], "\n")+"\n", string(data))

	code, stdout, stderr = rhumb(t, "", "batch", "in1.jsonl", "int8.npy", "--text-field", "body", "--encoding", "int8")
	require.Zero(t, code, stderr)
	assert.Equal(t, "int8.npy: 10 rows; their scales: int8.scales.npy\n", stdout)

	for args, message := range map[string]string{
		"batch in1.jsonl":                                       "1 argument, expected IN… OUT",
		"batch in1.jsonl out.npy --shard 0/3":                   "--shard 0/3",
		"batch in1.jsonl out.npy --shard 4/3":                   "--shard 4/3",
		"batch in1.jsonl out.npy --shard 3":                     "--shard 3",
		"batch in1.jsonl out.npy --chunk 0":                     "--chunk 0",
		"batch in1.jsonl out.jsonl --keep a --drop b":           "--drop and --keep: give one of them",
		"batch in1.jsonl out.tsv":                               "give --input-format or --output-format",
		"batch in.pdf out.jsonl":                                "no such file",
		"batch in1.jsonl out2.npy --on-error skip":              "npy has no place",
		"batch in1.jsonl part0.jsonl --output-format parquet":   "--restart begins the job anew",
		"batch in2.jsonl new.jsonl --text-field body":           "in2.jsonl:1: empty text",
		"batch in1.jsonl new2.jsonl --text-field body --keep x": `in1.jsonl: no column "x" to keep in the first`,
		"batch in1.jsonl new4.jsonl --collection docs":          `collection "docs": jsonl goes into none`,
		"batch in1.jsonl new5.weaviate --text-field body":       "weaviate: no collection",
	} {
		code, _, stderr := rhumb(t, "", strings.Fields(args)...)
		assert.Contains(t, stderr, message, args)
		assert.Equal(t, message == "", code == 0, args)
	}
}

// Standard output gets the rows that a job has, whether they come from a file or from standard
// input, and all there are as soon as they are made.
func TestBatchStream(t *testing.T) {
	var lines strings.Builder
	for i := range 300 {
		fmt.Fprintf(&lines, `{"text": "text %d", "url": "u%d", "more": null, "id": %d}`+"\n", i%100, i, i)
	}
	lines.WriteString(`{"text": "", "url": "x", "more": 1}` + "\n")
	in := write(t, "in.jsonl", lines.String())
	for _, format := range []string{"jsonl", "csv"} {
		flags := []string{"--model", tiny, "--keep", "url,more", "--on-error", "skip", "--encoding", "float,int8", "--chunk-tokens", "8"}
		out := filepath.Join(t.TempDir(), "out."+format)
		code, _, stderr := rhumb(t, "", append([]string{"batch", in, out}, flags...)...)
		require.Equal(t, 1, code, stderr)
		want, err := os.ReadFile(out)
		require.NoError(t, err)
		code, stdout, stderr := rhumb(t, "", append([]string{"batch", in, "-", "--output-format", format}, flags...)...)
		assert.Equal(t, 1, code)
		assert.Equal(t, "rhumb: 1 of 301 rows are bad\n", stderr)
		assert.Equal(t, string(want), stdout)
		code, stdout, _ = rhumb(t, lines.String(), append([]string{"batch", "-", "-", "--output-format", format, "--input-format", "jsonl"}, flags...)...)
		assert.Equal(t, 1, code)
		assert.Equal(t, string(want), stdout)
	}
	code, stdout, stderr := rhumb(t, "one\n\ntwo\n", "batch", "-", "-", "--model", tiny)
	require.Zero(t, code, stderr)
	assert.Regexp(t, `^\{"index":0,"embedding":.*\n\{"index":2,"embedding":.*\n$`, stdout)
	code, _, stderr = rhumb(t, lines.String(), "batch", "-", "-", "--model", tiny, "--input-format", "jsonl")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "stdin:301: empty text")

	for args, message := range map[string]string{
		"- out.parquet":                     "rhumb embed --output out.parquet",
		in + " " + in + " -":                "expected one IN, there are 2",
		"- - --shard 1/2":                   "--shard: OUT is -",
		"- - --restart":                     "--restart: OUT is -",
		"- - --output-format npy":           `output format "npy", expected jsonl or csv`,
		"- - --keep a":                      "stdin: a text a line has no columns",
		in + " - --keep urll":               `no column "urll" to keep in the first`,
		"- - --input-format csv --keep url": `no column "url" to keep`,
	} {
		code, _, stderr := rhumb(t, "text,more\na,b\n", append([]string{"batch", "--model", tiny}, strings.Fields(args)...)...)
		assert.NotZero(t, code, args)
		assert.Contains(t, stderr, message, args)
	}
}
