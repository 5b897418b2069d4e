package tokenizer

import (
	"fmt"
	"slices"
)

// takeBeside adds the tokens that the arguments name and a, the added tokens of
// tokenizer.json, lacks or has with other switches: __init__ of
// PreTrainedTokenizerFast of transformers 4.57 and of TokenizersBackend of 5.23.
func (a *addedTokens) takeBeside(args *arguments, vocab *vocabulary) error {
	seven, own, err := a.named(args)
	if err != nil {
		return err
	}
	class, err := args.saidClass()
	if err != nil {
		return err
	}
	var unused []specialToken
	if class == "CamembertTokenizer" && args.major == 4 {
		unused = unusedTokens()
	}
	extra, err := args.extra(unused)
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
			skip = listed[token] || named[token.content] || known[token.content] && token.plain || i < len(seven) && own[i] && !decoder
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

// named returns the special tokens of the seven names, and which of them tokenizer.json has
// and the folder names besides. To transformers 4 those of its class are there as well.
func (a *addedTokens) named(args *arguments) (tokens []specialToken, own []bool, err error) {
	class, err := args.saidClass()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range tokenNames {
		otherwise := ""
		if args.major == 4 && !(class == "GemmaTokenizer" && name == "mask_token") {
			otherwise = classTokens[class][name]
		}
		token, err := args.token(name, otherwise)
		if err != nil {
			return nil, nil, err
		}
		_, named := args.members[name]
		_, known := a.places[token.content]
		own = append(own, named && known)
		if args.major == 4 && name == "mask_token" && token.plain && !(named && known) && slices.Contains(stripMasks, class) {
			token.plain, token.lstrip, token.follows, token.special = false, true, class != "AlbertTokenizer", false
		}
		tokens = append(tokens, token)
	}
	return tokens, own, nil
}

// stripMasks are the classes of transformers 4.57 whose mask token takes the space before
// it, where it is a mere string.
var stripMasks = []string{
	"MPNetTokenizer", "RobertaTokenizer", "LongformerTokenizer", "BartTokenizer", "XLMRobertaTokenizer", "CamembertTokenizer", "AlbertTokenizer",
}

// same reports whether a has the token, with the same switches.
func (a *addedTokens) same(token addedToken) bool {
	i, ok := a.places[token.content]
	if ok {
		token.id = a.tokens[i].id
	}
	return ok && a.tokens[i] == token
}

// Reading returns what LoadAs read otherwise than tokenizer.json says, a line for each: steps
// that a class of transformers changes, and added tokens of the files beside it, with ids
// and switches. It is nil for most folders.
func (t *Tokenizer) Reading() []string {
	all := slices.Clone(t.reading)
	for _, token := range t.added.beside {
		all = append(all, fmt.Sprintf("%+v", token))
	}
	return all
}
