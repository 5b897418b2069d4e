package command

import (
	"encoding/json"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reported returns the one JSON object that a command line prints.
func reported(t *testing.T, code int, args ...string) (report map[string]any) {
	t.Helper()
	got, stdout, stderr := rhumb(t, "", append(args, "--json")...)
	require.Equal(t, code, got, stderr)
	require.NoError(t, json.Unmarshal([]byte(stdout), &report), stdout)
	return report
}

func TestVersionJSON(t *testing.T) {
	report := reported(t, 0, "version")
	_, text, _ := rhumb(t, "", "version")
	assert.True(t, strings.HasPrefix(text, "rhumb "+report["version"].(string)), text)
	assert.Contains(t, text, report["go"].(string)+" "+report["os"].(string)+"/"+report["arch"].(string))
	assert.Contains(t, report, "modified")
}

// What a build recorded of itself, with and without a commit.
func TestBuild(t *testing.T) {
	clone := &debug.BuildInfo{Main: debug.Module{Version: "v0.1.0+dirty"}, Settings: []debug.BuildSetting{
		{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "1234"}, {Key: "vcs.time", Value: "2026-11-29T12:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	}}
	assert.Equal(t, build{"v0.1.0+dirty", "1234", "2026-11-29T12:00:00Z", true}, buildFrom(clone))
	assert.Equal(t, "v0.1.0+dirty 1234 modified", buildFrom(clone).String())
	installed := &debug.BuildInfo{Main: debug.Module{Version: "v0.1.0"}}
	assert.Equal(t, "v0.1.0", buildFrom(installed).String())
	assert.Equal(t, "(devel)", buildFrom(&debug.BuildInfo{}).String())
}

// The two forms of doctor say the same.
func TestDoctorJSON(t *testing.T) {
	report := reported(t, 0, "doctor")
	_, text, _ := rhumb(t, "", "doctor")
	assert.EqualValues(t, runtime.NumCPU(), report["cpus"])
	assert.Equal(t, runtime.GOARCH, report["arch"])
	assert.IsType(t, []any{}, report["features"])
	var lines []string
	for _, set := range report["kernels"].([]any) {
		set := set.(map[string]any)
		line := "kernels " + set["name"].(string) + " ok"
		assert.Equal(t, true, set["ok"])
		if set["default"] == true {
			line += ", used by default"
		}
		lines = append(lines, line)
		for _, how := range set["products"].([]any) {
			assert.Contains(t, text, " "+how.(string)+"\n")
		}
	}
	var want []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "kernels ") {
			want = append(want, strings.Join(strings.Fields(line), " "))
		}
	}
	assert.Equal(t, want, lines)
}

func TestQuantizeJSON(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	report := reported(t, 0, "quantize", tiny, out)
	assert.Equal(t, out, report["path"])
	assert.Less(t, report["bytes"].(float64), report["bytes_before"].(float64))
	kinds := report["kinds"].([]any)
	require.NotEmpty(t, kinds)
	for _, kind := range kinds {
		kind := kind.(map[string]any)
		assert.Contains(t, kind["name"], "*")
		assert.Positive(t, kind["tensors"])
		assert.Positive(t, kind["weights"])
		assert.InDelta(t, 0.005, kind["error"], 0.005) // as the step of 8 bits has
	}
}

func TestJobJSON(t *testing.T) {
	in := write(t, "in.jsonl", "\"summer\"\n7\n\"winter\"\n")
	out := filepath.Join(t.TempDir(), "out.jsonl")
	args := []string{"batch", "--model", tiny, "--on-error", "skip", "--cache", "1MB", in, out}
	report := reported(t, 1, args...)
	errors := report["errors"].(string)
	assert.FileExists(t, errors)
	want := map[string]any{
		"output": out, "rows": 3.0, "failed": 1.0, "resumed": 0.0, "cut": 0.0, "dropped": 0.0, "errors": errors,
		"cache": map[string]any{"hits": 0.0, "misses": 2.0},
	}
	assert.Equal(t, want, report)
	report = reported(t, 1, args...)
	assert.Equal(t, 3.0, report["resumed"])

	texts := write(t, "in.txt", "summer\nwinter\nautumn\n")
	one, two, all := filepath.Join(t.TempDir(), "1.npy"), filepath.Join(t.TempDir(), "2.npy"), filepath.Join(t.TempDir(), "all.npy")
	assert.Equal(t, 2.0, reported(t, 0, "batch", "--model", tiny, "--shard", "1/2", texts, one)["rows"])
	assert.Equal(t, 1.0, reported(t, 0, "batch", "--model", tiny, "--shard", "2/2", texts, two)["rows"])
	report = reported(t, 0, "merge", all, one, two)
	assert.Equal(t, all, report["output"])
	assert.Equal(t, 3.0, report["rows"])

	code, stdout, stderr := rhumb(t, "", "batch", "--model", tiny, "--json", texts, "-")
	assert.Equal(t, 2, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "--json: OUT is -")
}
