package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Three runs of a cell, one of another on one thread, and two of scores.
const some = `{"date": "d1", "commit": "c1", "cpu": "x", "versions": {"b": "2", "a": "1"}, "model": "base", "texts": "short", "threads": 2, "tokens": 9, "seconds": {"PyTorch float32": [8, 9, 7], "OpenVINO float32": [5], "Rhumb float32": [4], "Rhumb int8": [1, 3]}}
{"date": "d2", "commit": "c1", "cpu": "x", "versions": {"b": "2", "a": "1"}, "model": "base", "texts": "short", "threads": 2, "tokens": 9, "seconds": {"PyTorch float32": [8], "ONNX Runtime float32": [3], "Rhumb float32": [2]}}
{"date": "d2", "commit": "c1", "cpu": "x", "versions": {"b": "2", "a": "1"}, "model": "base", "texts": "short", "threads": 2, "tokens": 9, "seconds": {"PyTorch float32": [9], "Rhumb float32": [3]}}
{"date": "d2", "commit": "c1", "cpu": "x", "versions": {"b": "2", "a": "1"}, "model": "base", "texts": "short", "threads": 1, "tokens": 9, "seconds": {"Rhumb float32": [6]}}
{"date": "d2", "commit": "c1", "cpu": "x", "versions": {"b": "2", "a": "1"}, "model": "e5", "texts": "STS-B", "scores": {"PyTorch float32": 0.8, "Rhumb int8": 0.4}}
{"date": "d2", "commit": "c1", "cpu": "x", "versions": {"b": "2", "a": "1"}, "model": "e5", "texts": "retrieval", "scores": {"PyTorch float32": 0.1, "Rhumb int8": 0.2}}`

// Figures compare what ran in turns in one run, and are the medians of runs.
func TestFigures(t *testing.T) {
	all, err := parse([]byte(some))
	require.NoError(t, err)
	at := func(threads int, figure func(record) float64) float64 {
		return all.cell("base", "short", threads, figure)
	}
	assert.InDelta(t, 3.0, at(2, speed("Rhumb float32")), 1e-12) // of 8/4, 8/2 and 9/3
	assert.InDelta(t, 4.0, at(2, speed("Rhumb int8")), 1e-12)    // 8/2 of one run
	assert.InDelta(t, 1.5, at(2, lead("float32")), 1e-12)        // of 5/4, 3/2 and 9/3
	assert.Zero(t, at(2, lead("int8")), "no peer")
	assert.Zero(t, at(1, speed("Rhumb float32")), "nothing to compare with")
	assert.Zero(t, all.cell("base", "long", 2, seconds("Rhumb float32")), "not measured")
	assert.InDelta(t, 3.0, at(2, seconds("Rhumb float32")), 1e-12)
	assert.InDelta(t, 1.0, all.kept("Rhumb int8"), 1e-12) // of a half and twice
	assert.Equal(t, []string{"x; Rhumb at commit c1; d1; d2;", "a 1, b 2"}, all.source())
	assert.InDelta(t, 4.0, mean([]float64{2, 0, 8}), 1e-12)
	assert.Zero(t, mean(nil))
}

// A row is there where one of its cells was measured, and a cell that was not is blank.
func TestTables(t *testing.T) {
	all, err := parse([]byte(some))
	require.NoError(t, err)
	tables := all.tables()
	assert.Equal(t, `| engine | base, short | mean |
|---|---|---|
| PyTorch float32 | 1.00 | 1.00 |
| ONNX Runtime float32 | 2.67 | 2.67 |
| OpenVINO float32 | 1.60 | 1.60 |
| Rhumb float32 | 3.00 | 3.00 |
| Rhumb int8 | 4.00 | 4.00 |
`, tables["backends"])
	assert.Equal(t, `| engine | e5, STS-B | e5, retrieval | mean, % of PyTorch float32 |
|---|---|---|---|
| PyTorch float32 | 0.8000 | 0.1000 | 100.00 |
| Rhumb int8 | 0.4000 | 0.2000 | 100.00 |
`, tables["quality"])
	assert.Equal(t, 2, strings.Count(tables["scaling"], "\n"), "no shape was measured")
	assert.Empty(t, tables["others"])
	const other = `{"date": "d3", "commit": "c3", "cpu": "y", "versions": {"a": "1"}, "model": "base", "texts": "1x16", "threads": 2, "tokens": 16, "seconds": {"OpenVINO int8": [6], "Rhumb int8": [4]}}
`
	const otherLong = `{"date": "d3", "commit": "c3", "cpu": "y", "versions": {"a": "1"}, "model": "base", "texts": "1x16", "threads": 1, "tokens": 16, "seconds": {"Rhumb int8": [7]}}
{"date": "d3", "commit": "c3", "cpu": "y", "versions": {"a": "1"}, "model": "modernbert", "texts": "1x512", "threads": 1, "tokens": 512, "seconds": {"PyTorch float32": [6], "Rhumb float32": [4]}}`
	both, err := parse([]byte(some + other))
	require.NoError(t, err)
	of := both.tables()
	const ahead = `
y; Rhumb at commit c3; d3;
a 1.

| model | threads | precision | 1x16 | 1x128 | 8x128 | 32x128 | 1x512 | 8x512 | corpus |
|---|---|---|---|---|---|---|---|---|---|
| base | 2 | int8 | 1.50 |  |  |  |  |  |  |
`
	assert.Equal(t, ahead, of["others"])
	of["others"] = ""
	assert.Equal(t, tables, of, "figures of two machines do not meet")
	both, err = parse([]byte(some + other + otherLong))
	require.NoError(t, err)
	assert.Equal(t, ahead+`
Two threads over one:

| model | precision | 1x16 | 1x128 | 8x128 | 32x128 | 1x512 | 8x512 | corpus |
|---|---|---|---|---|---|---|---|---|
| base | int8 | 1.75 |  |  |  |  |  |  |

Long texts, seconds a call:

| threads | tokens | PyTorch float32 | Rhumb float32 | best peer by Rhumb, float32 | best peer by Rhumb, bfloat16 | best peer by Rhumb, int8 |
|---|---|---|---|---|---|---|
| 1 | 512 | 6.000 | 4.000 | 1.50 |  |  |
`, both.tables()["others"])
	picture := string(all.chart().draw())
	wellFormed(t, picture)
	assert.Contains(t, picture, `width="110" height="14" fill="#0b7a75"`) // the longest is Rhumb's
}

// Parts stand between their comments, each once, and what is around them stays.
func TestFill(t *testing.T) {
	parts := map[string]string{"a": "new\n"}
	got, err := fill("x\n"+opening+"a -->\nold\n"+closing+"y\n", parts)
	require.NoError(t, err)
	assert.Equal(t, "x\n"+opening+"a -->\nnew\n"+closing+"y\n", got)
	for name, text := range map[string]string{
		"missing": "x\n",
		"unknown": opening + "a -->\n" + closing + opening + "b -->\n" + closing,
		"twice":   opening + "a -->\n" + closing + opening + "a -->\n" + closing,
		"no end":  opening + "a -->\nold\n",
	} {
		_, err := fill(text, parts)
		assert.ErrorContains(t, err, opening, name)
	}
}

// What runs cannot have is an error that says where.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		`{}{"color": 1}`:                              `run 2: json: unknown field "color"`,
		`{"seconds": {"Rhumb float16": [1]}}`:         `run 1: seconds of "Rhumb float16": [1], expected positive ones`,
		`{"seconds": {"Rhumb float32": []}}`:          `run 1: seconds of "Rhumb float32": []`,
		`{"seconds": {"Rhumb float32": [1, 0]}}`:      `run 1: seconds of "Rhumb float32": [1 0]`,
		`{"scores": {"ONNX Runtime bfloat16": 0.5}}`:  `run 1: score of "ONNX Runtime bfloat16": 0.5`,
		`{"scores": {"OpenVINO int8": -0.5}}`:         `run 1: score of "OpenVINO int8": -0.5`,
		`{"seconds": {"Rhumb float32": [1]}, "scores`: `run 1: unexpected EOF`,
	} {
		_, err := parse([]byte(text))
		assert.ErrorContains(t, err, want)
	}
}
