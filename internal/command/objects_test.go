package command

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Where there is no store, the names of objects are errors that say what takes them.
func TestObjectsAway(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, args := range map[string][]string{
		"embed":  {"embed", "--input", "s3://bucket/in.jsonl"},
		"search": {"search", "--corpus", "s3://bucket/in.jsonl", "query"},
		"batch":  {"batch", "in.txt", "s3://bucket/in.jsonl"},
		"merge":  {"merge", "out.jsonl", "s3://bucket/in.jsonl"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := rhumb(t, "", args...)
			assert.Equal(t, 1, code)
			assert.Contains(t, stderr, "s3://bucket/in.jsonl: an object, expected a file; the command rhumb-cloud takes it, as do ")
		})
	}
	code, _, stderr := rhumb(t, "text\n", "embed", "--output", "s3://bucket/out.jsonl")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "s3://bucket/out.jsonl: an object, expected a file")
}
