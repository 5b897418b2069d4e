package rows

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCutParameters(t *testing.T) {
	for name, want := range map[string][2]string{
		"in.jsonl?a=b":                      {"in.jsonl?a=b", ""},
		"s3://bucket/in.jsonl":              {"s3://bucket/in.jsonl", ""},
		"s3://bucket/part?.jsonl":           {"s3://bucket/part?.jsonl", ""},
		"s3://bucket/in.jsonl?region=x&a=b": {"s3://bucket/in.jsonl", "?region=x&a=b"},
		"s3://b/*?.gz?endpoint=http://h/a":  {"s3://b/*?.gz", "?endpoint=http://h/a"},
	} {
		base, rest := CutParameters(name)
		assert.Equal(t, want, [2]string{base, rest}, name)
	}
}

func TestObjectFormats(t *testing.T) {
	for name, want := range map[string]string{
		"s3://bucket/in.jsonl?endpoint=http://localhost:9000": "jsonl",
		"s3://bucket/in.csv.zst?region=eu-west-1":             "csv",
		"gs://bucket/in.parquet":                              "parquet",
		"gs://bucket/in?anonymous=true":                       "text",
	} {
		format, err := InputFormat(name)
		assert.NoError(t, err)
		assert.Equal(t, want, format, name)
	}
	_, packed := compression("s3://bucket/in.csv.zst?region=eu-west-1")
	assert.Equal(t, zst, packed)
}
