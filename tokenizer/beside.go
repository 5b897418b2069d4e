package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// besideArguments reads what the files beside tokenizer.json say, as the version of
// transformers does that config.json names; 5 where it names none.
func besideArguments(fsys fs.FS) (arguments, error) {
	const name = "config.json"
	data, err := readFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return readArguments(fsys, 5, value.untyped)
	}
	if err != nil {
		return arguments{}, err
	}
	config, err := newValue(data, name)
	if err != nil {
		return arguments{}, err
	}
	major := 5
	err = config.each(func(key string, v value) error {
		if key == "transformers_version" && strings.HasPrefix(v.text, `"`) {
			switch n, _, _ := strings.Cut(unquote(v.text), "."); n {
			case "2", "3", "4":
				major = 4
			}
		}
		return nil
	})
	if err != nil {
		return arguments{}, err
	}
	return readArguments(fsys, major, value.untyped)
}

// takeBeside adds the tokens that the arguments name and a, the added tokens of
// tokenizer.json, lacks or has with other switches: __init__ of
// PreTrainedTokenizerFast of transformers 4.57 and of TokenizersBackend of 5.23.
func (a *addedTokens) takeBeside(args *arguments, vocab *vocabulary) error {
	seven, err := args.named()
	if err != nil {
		return err
	}
	extra, err := args.extra(nil)
	if err != nil {
		return err
	}
	all := slices.Concat(seven, args.specific, extra)
	special := map[string]bool{}
	for _, token := range all[:len(all)-len(extra)] {
		special[token.content] = true
	}
	if args.major == 4 {
		all = slices.Concat(seven, extra, args.specific)
		for _, token := range extra {
			special[token.content] = true
		}
	}
	_, decoder := args.members[decoderKey]
	var list []specialToken
	known := map[string]bool{}
	listed := map[specialToken]bool{}
	for _, token := range a.tokens {
		known[token.content] = true
	}
	for _, token := range args.added {
		// After added_tokens.json come tokenizer.json's own, by id.
		if (decoder || !a.said[token.id]) && !a.same(token.addedToken) {
			list = append(list, token)
			known[token.content] = true
			token.id = 0
			listed[token] = true
		}
	}
	named := map[string]bool{}
	for i, token := range all {
		skip := listed[token] || known[token.content]
		if args.major == 4 {
			// Only a string is the same as one that is known. One of the seven is what
			// tokenizer.json says of it where nothing else does.
			_, own := a.places[token.content]
			skip = listed[token] || named[token.content] || known[token.content] && token.plain || i < len(seven) && own && !decoder
			named[token.content] = true
		}
		if !skip && token.content != "" {
			list = append(list, token)
			listed[token] = true
		}
	}
	for _, token := range list {
		token.special = token.special || special[token.content]
		if token.plain || token.follows {
			token.normalized = !token.special
		}
		if !a.same(token.addedToken) {
			token.id = a.add(token.addedToken, vocab)
			a.beside = append(a.beside, token.addedToken)
		}
	}
	return nil
}

// same reports whether a has the token, with the same switches.
func (a *addedTokens) same(token addedToken) bool {
	i, ok := a.places[token.content]
	if ok {
		token.id = a.tokens[i].id
	}
	return ok && a.tokens[i] == token
}

// Beside returns the added tokens that LoadFS took from files beside tokenizer.json,
// each with its id and switches: nil for most folders.
func (t *Tokenizer) Beside() []string {
	var all []string
	for _, token := range t.added.beside {
		all = append(all, fmt.Sprintf("%+v", token))
	}
	return all
}
