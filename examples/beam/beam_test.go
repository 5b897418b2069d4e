package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/parquet-go/parquet-go"
	"github.com/rhumb-go/rhumb/embed"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tiny is a BERT with random weights: 24 dimensions, 32 tokens at most. Workers that
// are other processes have other working folders.
var tiny, _ = filepath.Abs("../../testdata/goldens/bert/model")

func TestMain(m *testing.M) {
	flag.Parse()
	beam.Init()
	os.Exit(m.Run())
}

// newJob returns a job over files in a new folder, which it returns too.
func newJob(t *testing.T, model string) (*job, string) {
	dir := t.TempDir()
	return &job{
		Source:   Source{TextField: "text", IDField: "id"},
		Embedder: Embedder{Model: model, Shards: 5},
		Input:    filepath.Join(dir, "*.*"),
		Output:   filepath.Join(dir, "out"),
	}, dir
}

// outcome is what a pipeline wrote and counted.
type outcome struct {
	vectors map[string]Vector // by id
	dead    []DeadLetter
	counts  map[string]int64
}

// run runs j on Prism and reads what it wrote.
func run(t *testing.T, j *job) outcome {
	t.Helper()
	n, err := j.run(t.Context())
	require.NoError(t, err)
	o := outcome{vectors: map[string]Vector{}, counts: n}
	files, err := filepath.Glob(filepath.Join(j.Output, "*"))
	require.NoError(t, err)
	for _, name := range files {
		if filepath.Base(name) == "dead-letters.jsonl" {
			continue
		}
		matched, err := filepath.Match(vectorsGlob, filepath.Base(name))
		require.NoError(t, err)
		require.True(t, matched, name)
		rows, err := parquet.ReadFile[Vector](name)
		require.NoError(t, err)
		for _, v := range rows {
			_, twice := o.vectors[v.ID]
			require.False(t, twice, "%s is there twice", v.ID)
			o.vectors[v.ID] = v
		}
	}
	file, err := os.Open(filepath.Join(j.Output, "dead-letters.jsonl"))
	require.NoError(t, err)
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var l DeadLetter
		require.NoError(t, json.Unmarshal(lines.Bytes(), &l))
		o.dead = append(o.dead, l)
	}
	assert.Equal(t, n[rowCount], int64(len(o.vectors)+len(o.dead)), "rows lost")
	assert.Equal(t, n[vectorCount], int64(len(o.vectors)))
	assert.Equal(t, n[deadCount], int64(len(o.dead)))
	return o
}

// words are what the texts of the tests are made of.
var words = strings.Fields("the a red old river ship north wind Köln straße data lost found 42 3.14 naïve 東京 🙂 embed unbelievable , . !")

// randomText returns some words: sometimes more than the tiny model reads.
func randomText(r *rand.Rand) string {
	text := make([]string, 1+r.IntN(40))
	for i := range text {
		text[i] = words[r.IntN(len(words))]
	}
	return strings.Join(text, " ")
}

// assertVectors checks that the vectors are those of one call of Embed, bit for bit.
func assertVectors(t *testing.T, j *job, texts map[string]string, got map[string]Vector) {
	t.Helper()
	model, err := load(modelKey{name: j.Model})
	require.NoError(t, err)
	ids := slices.Sorted(maps.Keys(texts))
	require.Equal(t, ids, slices.Sorted(maps.Keys(got)))
	inputs := make([]string, len(ids))
	for i, id := range ids {
		inputs[i] = texts[id]
	}
	result, err := model.Embed(t.Context(), inputs, j.Options)
	require.NoError(t, err)
	want := map[string]Vector{}
	for i, id := range ids {
		e := result.Embeddings[i]
		want[id] = Vector{id, e.Float32, int32(e.Tokens), int32(e.Truncated)}
	}
	assert.Empty(t, different(want, got))
}

// different returns the ids of the vectors that are in one alone or not the same, bit for bit.
func different(want, got map[string]Vector) []string {
	bits := func(v Vector) []uint32 {
		b := []uint32{uint32(v.Tokens), uint32(v.Truncated)}
		for _, x := range v.Embedding {
			b = append(b, math.Float32bits(x))
		}
		return b
	}
	var ids []string
	for id, v := range want {
		if w, ok := got[id]; !ok || !slices.Equal(bits(v), bits(w)) {
			ids = append(ids, id)
		}
	}
	for id := range got {
		if _, ok := want[id]; !ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// writeFile writes a file, compressed where its name says so.
func writeFile(t *testing.T, dir, name, content string) {
	t.Helper()
	if strings.HasSuffix(name, ".gz") {
		var b strings.Builder
		z := gzip.NewWriter(&b)
		_, err := z.Write([]byte(content))
		require.NoError(t, errors.Join(err, z.Close()))
		content = b.String()
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666))
}

// TestTwentyThousandRows runs 20,000 rows of several files, and 100 bad ones,
// on Prism.
func TestTwentyThousandRows(t *testing.T) {
	j, dir := newJob(t, tiny)
	r := rand.New(rand.NewPCG(20260101, 0))
	texts := map[string]string{}
	bad := 0
	for f := range 3 {
		var lines strings.Builder
		for i := range 5000 {
			id, text := fmt.Sprintf("%d-%d", f, i), randomText(r)
			texts[id] = text
			fmt.Fprintf(&lines, "{\"id\": %q, \"text\": %q}\n", id, text)
			if i%150 == 0 && bad < 100 {
				bad++
				lines.WriteString("{\"id\": \"half a row\n")
			}
		}
		writeFile(t, dir, fmt.Sprintf("part-%d.jsonl%s", f, []string{"", "", ".gz"}[f]), lines.String())
	}
	type row struct {
		ID   int64  `parquet:"id"`
		Text string `parquet:"text"`
	}
	rows := make([]row, 5000)
	for i := range rows {
		rows[i] = row{int64(i), randomText(r)}
		texts[fmt.Sprint(i)] = rows[i].Text
	}
	require.NoError(t, parquet.WriteFile(filepath.Join(dir, "part-3.parquet"), rows, parquet.MaxRowsPerRowGroup(1234)))

	o := run(t, j)
	require.Len(t, texts, 20_000)
	assert.Equal(t, int64(20_100), o.counts[rowCount])
	assert.Len(t, o.dead, 100)
	assertVectors(t, j, texts, o.vectors)
}

// TestMiniLM runs the model inside the binary, with options.
func TestMiniLM(t *testing.T) {
	j, dir := newJob(t, builtin)
	j.Options = embed.Options{Prompt: "note: ", Dimensions: 100}
	j.BatchTokens = 64
	r := rand.New(rand.NewPCG(1, 2))
	texts := map[string]string{}
	var lines strings.Builder
	for i := range 40 {
		texts[fmt.Sprint(i)] = randomText(r)
		fmt.Fprintf(&lines, "{\"text\": %q, \"id\": %d}\n", texts[fmt.Sprint(i)], i)
	}
	writeFile(t, dir, "texts.jsonl", lines.String())
	o := run(t, j)
	assert.Empty(t, o.dead)
	assertVectors(t, j, texts, o.vectors)
}

// TestDeadLetters checks the reason of each kind of bad row, and that the good
// ones around it have their vectors.
func TestDeadLetters(t *testing.T) {
	j, dir := newJob(t, tiny)
	j.Options.Truncate = embed.TruncateNone
	long := strings.Repeat("river ", 40)
	lines := []struct{ line, id, row, reason string }{
		{line: "\ufeff" + `{"id": "first", "text": "red river"}`},
		{line: `not JSON`, row: `not JSON`, reason: "expected a JSON object: invalid character"},
		{line: `{"id": "cut", "text": "re`, row: `{"id": "cut", "text": "re`, reason: "unexpected end of JSON input"},
		{line: `["a list"]`, row: `["a list"]`, reason: "expected a JSON object"},
		{line: `{"id": "none"}`, id: "none", row: `{"id": "none"}`, reason: `no "text"`},
		{line: `{"id": 5, "text": 42}`, id: "5", row: `{"id": 5, "text": 42}`, reason: `"text": expected a string`},
		{line: `{"id": 6, "text": null}`, id: "6", row: `{"id": 6, "text": null}`, reason: `"text": expected a string`},
		{line: `{"id": {}, "text": "a"}`, row: `{"id": {}, "text": "a"}`, reason: `"id": expected a string or a number`},
		{line: `{"id": "empty", "text": ""}`, id: "empty", row: "", reason: "empty text"},
		{line: `{"id": "long", "text": "` + long + `"}`, id: "long", row: long, reason: "tokens, model reads 32"},
		{line: `{"id": "bytes", "text": "` + "\xff" + `"}`, row: `{"id": "bytes", "text": "` + "\ufffd" + `"}`, reason: "not UTF-8"},
		{line: "  "}, // no row
		{line: `{"text": "old ship"}`},
	}
	var file strings.Builder
	want := map[string]DeadLetter{}
	name := filepath.Join(dir, "rows.jsonl")
	for i, l := range lines {
		file.WriteString(l.line + "\r\n")
		if source := fmt.Sprintf("%s:%d", name, i+1); l.reason != "" {
			want[source] = DeadLetter{Source: source, ID: l.id, Row: l.row, Error: l.reason}
		}
	}
	writeFile(t, dir, "rows.jsonl", strings.TrimSuffix(file.String(), "\r\n"))
	o := run(t, j)
	assertVectors(t, j, map[string]string{"first": "red river", fmt.Sprintf("%s:%d", name, len(lines)): "old ship"}, o.vectors)
	require.Len(t, o.dead, len(want))
	for _, got := range o.dead {
		w, ok := want[got.Source]
		require.True(t, ok, got.Source)
		assert.Contains(t, got.Error, w.Error, got.Source)
		w.Error = got.Error
		assert.Equal(t, w, got)
	}
}

// TestParquetRows reads other names of columns, a null, and a file without ids.
func TestParquetRows(t *testing.T) {
	type row struct {
		Key  *int32  `parquet:"key,optional"`
		Body *string `parquet:"body,optional"`
	}
	type bare struct {
		Body string `parquet:"body"`
	}
	key, body := int32(-7), "north wind"
	j, dir := newJob(t, tiny)
	j.TextField, j.IDField = "body", "key"
	a, b := filepath.Join(dir, "a.parquet"), filepath.Join(dir, "b.parquet.gz")
	require.NoError(t, parquet.WriteFile(a, []row{{&key, &body}, {nil, &body}, {&key, nil}}))
	var file strings.Builder
	require.NoError(t, parquet.Write(&file, []bare{{"a red ship"}}))
	writeFile(t, dir, "b.parquet.gz", file.String())
	o := run(t, j)
	assertVectors(t, j, map[string]string{"-7": body, a + ":2": body, b + ":1": "a red ship"}, o.vectors)
	assert.Equal(t, []DeadLetter{{Source: a + ":3", ID: "-7", Error: `no "body"`}}, o.dead)
}

// TestRefused checks that what concerns a whole file, or the job, ends the
// pipeline with an error that says where.
func TestRefused(t *testing.T) {
	good := `{"text": "old ship"}`
	tests := []struct {
		name, file, content, want string
		change                    func(*job)
	}{
		{name: "no file", want: "no files matching pattern"},
		{name: "a name that says nothing", file: "rows.csv", content: good, want: "rows.csv: expected a name that ends in .jsonl or .parquet"},
		{name: "no Parquet", file: "rows.parquet", content: strings.Repeat(good, 9), want: "rows.parquet: "},
		{name: "a prompt that the model lacks", file: "a.jsonl", content: good, want: "prompt name", change: func(j *job) { j.Options.PromptName = "poem" }},
		{name: "no model", file: "a.jsonl", content: good, want: "nowhere", change: func(j *job) { j.Model = "nowhere" }},
		{name: "no input", file: "a.jsonl", content: good, want: "--input and --output", change: func(j *job) { j.Input = "" }},
		{name: "no shards", file: "a.jsonl", content: good, want: "--shards 0", change: func(j *job) { j.Shards = 0 }},
		{name: "an output of before", file: "vectors-00000-of-00001.parquet", want: "is there already", change: func(j *job) { j.Output = filepath.Dir(j.Input) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j, dir := newJob(t, tiny)
			if tt.file != "" {
				writeFile(t, dir, tt.file, tt.content)
			}
			if tt.change != nil {
				tt.change(j)
			}
			_, err := j.run(t.Context())
			require.ErrorContains(t, err, tt.want)
		})
	}
	assert.EqualError(t, new(job).setTruncation("middle"), "expected end, start or none")
}

// TestModelOnce checks that the DoFns of a worker share one model.
func TestModelOnce(t *testing.T) {
	first, err := load(modelKey{name: tiny})
	require.NoError(t, err)
	second := make(chan *embed.Model)
	for range 8 {
		go func() {
			m, _ := load(modelKey{name: tiny})
			second <- m
		}()
	}
	for range 8 {
		assert.Same(t, first, <-second)
	}
}
