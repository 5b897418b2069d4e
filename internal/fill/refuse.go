package fill

import (
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
)

// Fields of How, as the options of package embed are named.
const (
	optionPieces embed.Option = "pieces"
	optionChunks embed.Option = "chunks"
)

// refuse returns an error for the first of the options given that models of a kind, such as
// "sparse", do not take. Each takes prompts and limits; taken are others.
func (h *How) refuse(kind string, taken ...embed.Option) error {
	o := &h.Options
	for _, given := range []struct {
		option embed.Option
		is     bool
	}{
		{embed.OptionDimensions, o.Dimensions != 0},
		{embed.OptionLayers, o.Layers != 0},
		{embed.OptionFormats, slices.ContainsFunc(o.Formats, func(f encoding.Format) bool { return f != encoding.Float })},
		{embed.OptionRanges, o.Ranges != nil},
		{embed.OptionMaxActive, h.MaxActive != 0},
		{optionPieces, h.Pieces},
		{"unnormalized", o.Unnormalized},
		{"tokens", h.Tokens},
		{optionChunks, h.ChunkTokens != 0},
		{"late", h.Late},
		{"mean", h.Mean},
	} {
		if given.is && !slices.Contains(taken, given.option) {
			return &embed.OptionError{Option: given.option, Err: fmt.Errorf("given for a %s model, expected none", kind)}
		}
	}
	return nil
}
