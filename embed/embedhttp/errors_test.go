package embedhttp

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rhumb-go/rhumb/embed"
)

// A model that is loaded when it is asked for, and is no embedding model, is the request's fault.
func TestKindOnTheWire(t *testing.T) {
	err := fmt.Errorf("dir: config.json: %w", &embed.KindError{Kind: "reranker", Err: errors.New("architectures: a reranker")})
	f := asFailure(err)
	assert.Equal(t, codeModelKind, f.code)
	assert.Equal(t, "model", f.param)
	assert.Equal(t, "model: architectures: a reranker", f.message)
	assert.ErrorIs(t, f, err)
}
