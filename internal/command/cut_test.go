package command

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nothing is cut in silence: where the output has no place for it, standard error says it.
func TestCutIsTold(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("summer ", 40)) // 4 tokens each; the model reads 32, two of them special
	texts := write(t, "texts.txt", "winter\n"+long+"\n"+long+"\n")
	short := write(t, "short.txt", "winter\n")
	dir := t.TempDir()
	const both = "rhumb: 2 inputs over the limit: 260 tokens dropped (--truncate none makes that an error)\n"
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"table", []string{"embed", "--model", tiny, "--output-format", "table", "--input", texts}, both},
		{"npy", []string{"embed", "--model", tiny, "--output", filepath.Join(dir, "a.npy"), "--input", texts}, both},
		{"jsonl has it in its lines", []string{"embed", "--model", tiny, "--input", texts}, ""},
		{"csv has a column", []string{"embed", "--model", tiny, "--output-format", "csv", "--input", texts}, ""},
		{"parquet has one", []string{"embed", "--model", tiny, "--output", filepath.Join(dir, "a.parquet"), "--input", texts}, ""},
		{"similarity", []string{"similarity", "--model", tiny, "--input", texts}, both},
		{"lines of a corpus", []string{"search", "--model", tiny, "--corpus", texts, "winter"}, "2 inputs over"},
		{"a query", []string{"search", "--model", tiny, "--corpus", short, long}, "1 input over"},
		{"rerank as a table", []string{"rerank", "--model", reranker, "--query", "winter", "--input", texts, "--output-format", "table"}, "2 inputs over"},
		{"classify as a table", []string{"classify", "--model", classifier, "--input", texts, "--output-format", "table"}, "2 inputs over"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, _, stderr := rhumb(t, "", tt.args...)
			require.Zero(t, code, stderr)
			if tt.want == "" {
				assert.Empty(t, stderr)
			}
			assert.Contains(t, stderr, tt.want)
		})
	}
	out := filepath.Join(dir, "b.npy")
	for _, already := range []string{"", ", complete already"} {
		code, stdout, stderr := rhumb(t, "", "batch", "--model", tiny, texts, out)
		require.Zero(t, code, stderr)
		assert.Equal(t, out+": 3 rows"+already+"; 2 over the limit, which lost 260 tokens\n", stdout)
	}
}
