package main

import (
	"github.com/rhumb-go/rhumb/embed"
	"github.com/spf13/cobra"
)

// requestFlags are the flags that say what an embedding is to be.
type requestFlags struct {
	prompt, promptName    string
	query, document       bool
	dimensions, maxTokens int
	unnormalized          bool
	truncate              *choice
}

func (f *requestFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.prompt, "prompt", "", "`TEXT` to put before each text, as it is (default: the model's default prompt)")
	flags.StringVar(&f.promptName, "prompt-name", "", "`NAME` of one of the model's prompts, as rhumb info lists them")
	flags.BoolVar(&f.query, "query", false, "short for --prompt-name query")
	flags.BoolVar(&f.document, "document", false, "short for --prompt-name document")
	cmd.MarkFlagsMutuallyExclusive("prompt-name", "query", "document")
	flags.IntVar(&f.dimensions, "dimensions", 0, "`N` components to keep, the first ones (default: the model's)")
	flags.BoolVar(&f.unnormalized, "no-normalize", false, "leave the embeddings' length as it is")
	f.truncate = addChoice(cmd, "truncate", "where to drop tokens over the limit; none: an error, as for token ids without this flag",
		"end", "start", "none")
	flags.IntVar(&f.maxTokens, "max-tokens", 0, "`N` tokens to read of each input, special tokens included (default: the model's limit)")
}

// options returns the flags as the library's options.
func (f *requestFlags) options(cmd *cobra.Command) (embed.Options, error) {
	if err := checkPositive(cmd, "dimensions", f.dimensions); err != nil {
		return embed.Options{}, err
	}
	if err := checkPositive(cmd, "max-tokens", f.maxTokens); err != nil {
		return embed.Options{}, err
	}
	o := embed.Options{
		Prompt: f.prompt, PromptName: f.promptName,
		Dimensions: f.dimensions, MaxTokens: f.maxTokens, Unnormalized: f.unnormalized,
	}
	switch {
	case f.query:
		o.PromptName = "query"
	case f.document:
		o.PromptName = "document"
	}
	if cmd.Flags().Changed("truncate") {
		o.Truncate = map[string]embed.Truncation{
			"end": embed.TruncateEnd, "start": embed.TruncateStart, "none": embed.TruncateNone,
		}[f.truncate.value]
	}
	return o, nil
}
