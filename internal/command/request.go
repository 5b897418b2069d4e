package command

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/fill"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/spf13/cobra"
)

// requestFlags are the flags that say what an embedding is to be.
type requestFlags struct {
	prompts            promptFlags
	query, document    bool
	dimensions, layers int
	limits             limitFlags
	unnormalized       bool
}

func (f *requestFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.addLimits(cmd)
	f.prompts.add(cmd, "`TEXT` to put before each text, as it is (default: the model's default prompt)")
	flags.BoolVar(&f.query, "query", false, "short for --prompt-name query")
	flags.BoolVar(&f.document, "document", false, "short for --prompt-name document")
	cmd.MarkFlagsMutuallyExclusive("prompt-name", "query", "document")
	flags.BoolVar(&f.unnormalized, "no-normalize", false, "leave the embeddings' length as it is")
}

// addLimits adds the flags that have nothing to do with prompts and lengths.
func (f *requestFlags) addLimits(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.dimensions, "dimensions", 0, "`N` components to keep, the first ones (default: the model's)")
	flags.IntVar(&f.layers, "layers", 0, "`N` layers to run, the first ones (default: all)")
	f.limits.add(cmd, "where to drop tokens over the limit; none: an error (default: where the model says, mostly the end; none for token ids)")
}

// options returns the flags as the library's options.
func (f *requestFlags) options(cmd *cobra.Command) (embed.Options, error) {
	err := checkPositive(cmd, "dimensions", f.dimensions)
	err = cmp.Or(err, checkPositive(cmd, "layers", f.layers), f.limits.check(cmd), f.prompts.check())
	if err != nil {
		return embed.Options{}, err
	}
	o := embed.Options{
		Prompt: f.prompts.text, PromptName: f.prompts.name,
		Dimensions: f.dimensions, Layers: f.layers, MaxTokens: f.limits.maxTokens, Unnormalized: f.unnormalized,
		Truncate: f.limits.truncation(cmd),
	}
	switch {
	case f.query:
		o.PromptName = "query"
	case f.document:
		o.PromptName = "document"
	}
	return o, nil
}

// promptFlags are the flags that choose a prompt.
type promptFlags struct{ text, name string }

func (f *promptFlags) add(cmd *cobra.Command, usage string) {
	cmd.Flags().StringVar(&f.text, "prompt", "", usage)
	cmd.Flags().StringVar(&f.name, "prompt-name", "", "`NAME` of one of the model's prompts, as rhumb info lists them")
}

func (f *promptFlags) check() error {
	if err := rows.CheckText(f.text); err != nil {
		return usagef("--prompt: %w", err)
	}
	return nil
}

// limitFlags are the flags that say how much of an input is read.
type limitFlags struct {
	maxTokens int
	truncate  *choice
}

func (f *limitFlags) add(cmd *cobra.Command, truncate string) {
	f.truncate = addChoice(cmd, "truncate", truncate, "end", "start", "none")
	cmd.Flags().Lookup("truncate").DefValue = "" // which is not what the flag says
	cmd.Flags().IntVar(&f.maxTokens, "max-tokens", 0, "`N` tokens to read of each input, special tokens included (default: the model's limit)")
}

func (f *limitFlags) check(cmd *cobra.Command) error {
	return checkPositive(cmd, "max-tokens", f.maxTokens)
}

func (f *limitFlags) truncation(cmd *cobra.Command) embed.Truncation {
	if !cmd.Flags().Changed("truncate") {
		return embed.TruncateDefault
	}
	return map[string]embed.Truncation{
		"end": embed.TruncateEnd, "start": embed.TruncateStart, "none": embed.TruncateNone,
	}[f.truncate.value]
}

// encodingNames are those of the formats.
var encodingNames = []string{"float", "float16", "int8", "uint8", "binary", "ubinary", "base64"}

// encodingFlags are the flags that say what numbers an embedding is made of.
type encodingFlags struct {
	names  []string
	ranges string
}

func (f *encodingFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.names, "encoding", []string{encoding.Float.String()},
		"`FORMATS` of the embeddings: "+strings.Join(encodingNames, ", ")+", or several with commas between")
	complete(cmd, "encoding", completeList(encodingNames...))
	cmd.Flags().StringVar(&f.ranges, "ranges", "", "`FILE` that rhumb calibrate wrote, which int8 and uint8 follow (default: the model's, or each embedding's own scale)")
}

// set sets the flags' part of o.
func (f *encodingFlags) set(c *console, o *embed.Options) error {
	if len(f.names) == 0 {
		return usagef("--encoding: no format")
	}
	for _, name := range f.names {
		format, err := encoding.ParseFormat(name)
		if err != nil {
			return usagef("--encoding: %v", err)
		}
		o.Formats = append(o.Formats, format)
	}
	if f.ranges == "" {
		return nil
	}
	c.reads(f.ranges)
	file, err := os.Open(f.ranges)
	if err != nil {
		return err
	}
	defer file.Close()
	if o.Ranges, err = quant.ReadRanges(file); err != nil {
		return fmt.Errorf("%s: %w", f.ranges, err)
	}
	return nil
}

// partFlags are the flags that say what becomes of long texts.
type partFlags struct {
	tokens, overlap int
	late            bool
	vectors         bool    // of tokens
	long            *choice // nil where there is no place for it
}

func (f *partFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.tokens, "chunk-tokens", 0, "cut each text into chunks of at most `N` tokens, special tokens and prompt included, as rhumb chunk does, and embed each (default: texts stay whole)")
	flags.IntVar(&f.overlap, "chunk-overlap", 0, "`N` tokens at most that a chunk has in common with the one before it")
	flags.BoolVar(&f.late, "late", false, "embed each chunk in the light of its text, which runs through the model as a whole (late chunking); a text over the limit by windows of whole chunks, each behind some of the chunks before it")
}

// addLong adds the flag that has one embedding for a text of any length.
func (f *partFlags) addLong(cmd *cobra.Command) {
	f.long = addChoice(cmd, "long", "what becomes of a text over the limit: cut drops tokens, as --truncate says; mean reads it by parts within the limit, and takes the mean of their embeddings, each as often as it has tokens", "cut", "mean")
	cmd.MarkFlagsMutuallyExclusive("long", "chunk-tokens")
	cmd.MarkFlagsMutuallyExclusive("long", "truncate")
}

// addTokens adds the flag that has vectors of tokens in place of embeddings. What it does
// not go with is added before.
func (f *partFlags) addTokens(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.vectors, "tokens", false, "the vector of each token, in place of an embedding of the text, with the token's id and its bytes in the text: its last hidden state")
	for _, other := range []string{"chunk-tokens", "long", "encoding", "ranges", "no-normalize"} {
		cmd.MarkFlagsMutuallyExclusive("tokens", other)
	}
}

// check checks what the command line alone tells.
func (f *partFlags) check(cmd *cobra.Command) error {
	if f.overlap < 0 {
		return usagef("--chunk-overlap %d: must be 0 or more", f.overlap)
	}
	if err := checkPositive(cmd, "chunk-tokens", f.tokens); err != nil || f.tokens > 0 {
		return err
	}
	for _, name := range []string{"chunk-overlap", "late"} {
		if cmd.Flags().Changed(name) {
			return usagef("--%s: no --chunk-tokens, expected both", name)
		}
	}
	return nil
}

func (f *partFlags) mean() bool { return f.long != nil && f.long.value == "mean" }

// how returns the flags as what is done with texts.
func (f *partFlags) how(opts embed.Options) fill.How {
	return fill.How{Options: opts, ChunkTokens: f.tokens, ChunkOverlap: f.overlap, Late: f.late, Mean: f.mean(), Tokens: f.vectors}
}

// sparseFlags are the flags of sparse models.
type sparseFlags struct {
	active int
	pieces bool
}

func (f *sparseFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.active, "max-active", 0, "`N` weights of a sparse embedding to keep at most, the largest (default: the model's)")
}

// addPieces adds the flag of an output for people.
func (f *sparseFlags) addPieces(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.pieces, "pieces", false, "the pieces of a sparse embedding's entries beside their indices")
}

func (f *sparseFlags) check(cmd *cobra.Command) error {
	return checkPositive(cmd, "max-active", f.active)
}

// how returns h with what the flags say.
func (f *sparseFlags) how(h fill.How) fill.How {
	h.MaxActive, h.Pieces = f.active, f.pieces
	return h
}
