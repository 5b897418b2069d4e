package embed

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A text's own ids have the frame, and none has another's.
func TestFrame(t *testing.T) {
	for name, special := range map[string]int{"plain": 2, "static": 0, "router-none": 2} {
		t.Run(name, func(t *testing.T) {
			m := loadFiles(t, moduleFiles(t, name), Config{})
			q := NewQueue(m, QueueConfig{})
			route := ""
			if name == "router-none" {
				_, _, err := q.Frame("")
				var option *OptionError
				require.ErrorAs(t, err, &option)
				route = m.info.Routes[0]
			}
			head, tail, err := q.Frame(route)
			require.NoError(t, err)
			r, err := q.Embed(t.Context(), []string{"a"}, Options{PromptName: route})
			require.NoError(t, err)
			assert.Equal(t, special, len(head)+len(tail))
			assert.Equal(t, 1+special, r.Embeddings[0].Tokens)
		})
	}
}
