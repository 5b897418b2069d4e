package tokenizer

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// arguments are what a tokenizer class of transformers is made with: the keys of
// tokenizer_config.json, those of special_tokens_map.json over them, and the
// tokens of added_tokens.json, put together as PreTrainedTokenizerBase of
// transformers 5.23 does. Keys that no class looks at are ignored, as there.
type arguments struct {
	object
	added []specialToken // of added_tokens_decoder or added_tokens.json, by id
	// specific are the special tokens that are not of the seven names: as given
	// where a token stands by itself under its name, and before those.
	specific []specialToken
}

// A specialToken is a token as transformers gets it: a string, or an AddedToken.
type specialToken struct {
	addedToken
	plain   bool // a string
	follows bool // normalized where it is not special
}

// The names of special tokens, in the order in which they are added.
var tokenNames = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

const (
	extraTokens = "extra_special_tokens"
	decoderKey  = "added_tokens_decoder"
)

// unsupported are keys that change ids and that no published folder needs.
var unsupported = []string{
	"split_special_tokens", "fix_mistral_regex", "vocab", "merges", "tokenizer_object", "tokenizer_file", "post_processor", "init_inputs",
	"_spm_precompiled_charsmap", "model_specific_special_tokens",
}

const (
	configFile = "tokenizer_config.json"
	mapFile    = "special_tokens_map.json"
)

func readArguments(fsys fs.FS) (a arguments, err error) {
	if a.object, err = readObject(fsys, configFile); err != nil {
		return a, err
	}
	for _, key := range unsupported {
		if v := a.get(key); v.truthy() {
			return a, v.errorf("%s, expected none: it is not supported", v.short())
		}
	}
	if v, ok := a.members["additional_special_tokens"]; ok && !a.get(extraTokens).truthy() {
		a.members[extraTokens] = v
		delete(a.members, "additional_special_tokens")
	}
	var specific []specialToken
	for _, key := range a.keys {
		if v := a.members[key]; strings.HasSuffix(key, "_token") && !slices.Contains(tokenNames, key) && strings.HasPrefix(v.text, `"`) {
			specific = append(specific, plainToken(unquote(v.text)))
			delete(a.members, key)
		}
	}
	if specific, err = a.takeNamed(specific); err != nil {
		return a, err
	}
	if _, ok := a.members[decoderKey]; ok {
		err = a.readDecoder()
	} else if err = a.readMap(fsys); err == nil {
		if specific, err = a.takeNamed(specific); err == nil {
			err = a.readAdded(fsys)
		}
	}
	if err != nil {
		return a, err
	}
	for _, key := range a.keys {
		if v, ok := a.members[key]; ok && strings.HasSuffix(key, "_token") && !slices.Contains(tokenNames, key) && v.tokenLike() {
			token, err := v.token()
			if err != nil {
				return a, err
			}
			a.specific = append(a.specific, token)
		}
	}
	a.specific = append(a.specific, specific...)
	return a, nil
}

// takeNamed appends the tokens of extra_special_tokens where that is an object,
// whose keys are names, and takes the key away.
func (a *arguments) takeNamed(dst []specialToken) ([]specialToken, error) {
	v := a.get(extraTokens)
	if !strings.HasPrefix(v.text, "{") {
		return dst, nil
	}
	o, err := v.object()
	if err != nil {
		return dst, err
	}
	for _, key := range o.keys {
		token, err := o.members[key].token()
		if err != nil {
			return dst, err
		}
		dst = append(dst, token)
	}
	delete(a.members, extraTokens)
	return dst, nil
}

// readDecoder reads added_tokens_decoder, an object of ids and AddedTokens.
func (a *arguments) readDecoder() error {
	entries, err := a.get(decoderKey).object()
	if err != nil {
		return err
	}
	for _, key := range entries.keys {
		v := entries.members[key]
		id, err := strconv.ParseUint(key, 10, 31)
		if err != nil {
			return v.errorf("key %q, expected an id", key)
		}
		if !strings.HasPrefix(v.text, "{") {
			return v.mismatch("an object")
		}
		token, err := v.token()
		if err != nil {
			return err
		}
		token.id = int32(id)
		a.added = append(a.added, token)
	}
	return a.sortAdded(entries.value)
}

// readMap puts the keys of special_tokens_map.json over a's.
func (a *arguments) readMap(fsys fs.FS) error {
	entries, err := readObject(fsys, mapFile)
	if err != nil {
		return err
	}
	for _, key := range entries.keys {
		v := entries.members[key]
		before, known := a.members[key]
		if !known {
			a.keys = append(a.keys, key)
		}
		if strings.HasPrefix(v.text, "[") && key == extraTokens && before.truthy() && before.text != v.text {
			return v.errorf("a list here and another in %s, expected one", configFile)
		}
		a.members[key] = v
	}
	return nil
}

// readAdded reads added_tokens.json, an object of tokens and their ids.
func (a *arguments) readAdded(fsys fs.FS) error {
	entries, err := readObject(fsys, "added_tokens.json")
	if err != nil {
		return err
	}
	special := map[string]bool{}
	for _, name := range tokenNames {
		if v := a.get(name); v.truthy() {
			token, err := v.token()
			if err != nil {
				return err
			}
			special[token.content] = true
		}
	}
	if v := a.get(extraTokens); v.truthy() {
		extra, err := v.tokens()
		if err != nil {
			return err
		}
		for _, token := range extra {
			special[token.content] = true
		}
	}
	for _, content := range entries.keys {
		id, err := entries.members[content].natural()
		if err != nil {
			return err
		}
		a.added = append(a.added, specialToken{addedToken: addedToken{
			id: id, content: content, special: special[content], normalized: !special[content],
		}})
	}
	return a.sortAdded(entries.value)
}

// sortAdded sorts a's added tokens by id. Two with one id are an error at v.
func (a *arguments) sortAdded(v value) error {
	slices.SortStableFunc(a.added, func(x, y specialToken) int { return cmp.Compare(x.id, y.id) })
	for i, token := range a.added {
		if i > 0 && token.id == a.added[i-1].id {
			return v.errorf("id %d for both %q and %q", token.id, a.added[i-1].content, token.content)
		}
	}
	return nil
}

// token returns the special token of that name; otherwise the default, where the
// arguments do not name it. The empty token says that there is none.
func (a *arguments) token(name, otherwise string) (specialToken, error) {
	v, ok := a.members[name]
	if !ok {
		return plainToken(otherwise), nil
	}
	if v.null() {
		return specialToken{}, nil
	}
	token, err := v.token()
	for _, added := range a.added {
		if added.content == token.content {
			added.id = 0
			token = added
		}
	}
	return token, err
}

// boolean returns the switch of that name. otherwise is its JSON where it is not
// set, null that where it is null; the empty text makes null an error.
func (a *arguments) boolean(key, otherwise, null string) (bool, error) {
	v, ok := a.members[key]
	switch {
	case !ok:
		v = value{text: otherwise}
	case v.null() && null != "":
		v.text = null
	}
	return v.boolean()
}

func plainToken(content string) specialToken {
	return specialToken{addedToken: addedToken{content: content, special: true}, plain: true}
}

// truthy reports whether v is true to Python.
func (v value) truthy() bool {
	switch v.text {
	case "", "null", "false", `""`, "0":
		return false
	}
	return !(v.text[0] == '[' || v.text[0] == '{') || skipSpace(v.text, 1) < len(v.text)-1
}

// tokenLike reports whether v is a string or an AddedToken.
func (v value) tokenLike() bool {
	return v.text != "" && (v.text[0] == '"' || v.text[0] == '{')
}

// token returns a token: a string, or an object with the fields of AddedToken.
func (v value) token() (token specialToken, err error) {
	if v.text != "" && v.text[0] == '"' {
		return plainToken(unquote(v.text)), nil
	}
	if !v.tokenLike() {
		return token, v.mismatch("a string or an AddedToken")
	}
	o, err := v.object()
	if err != nil {
		return token, err
	}
	if err := o.only("__type", "id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"); err != nil {
		return token, err
	}
	if token.content, err = o.get("content").str(); err != nil {
		return token, err
	}
	inMap := v.file == mapFile && !strings.HasPrefix(v.at, "additional_special_tokens[")
	untyped := inMap || v.file == configFile && strings.HasPrefix(v.at, decoderKey)
	if kind := o.get("__type"); kind.text != `"AddedToken"` && (kind.text != "" || !untyped) {
		return token, kind.mismatch(`"AddedToken"`)
	}
	token.follows = o.get("normalized").null()
	for _, flag := range []struct {
		key string
		to  *bool
	}{
		{"single_word", &token.singleWord}, {"lstrip", &token.lstrip}, {"rstrip", &token.rstrip},
		{"normalized", &token.normalized}, {"special", &token.special},
	} {
		v := o.get(flag.key)
		if v.null() {
			continue
		}
		if *flag.to, err = v.boolean(); err != nil {
			return token, err
		}
	}
	token.special = token.special || inMap
	return token, nil
}

// tokens returns a list of tokens.
func (v value) tokens() (tokens []specialToken, err error) {
	elements, err := v.array()
	for _, element := range elements {
		token, err := element.token()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
	}
	return tokens, err
}

// readObject reads a file of one JSON object; the empty object where there is no file.
func readObject(fsys fs.FS, name string) (object, error) {
	data, err := readFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return object{value: value{file: name}, members: map[string]value{}}, nil
	}
	if err != nil {
		return object{}, err
	}
	v, err := newValue(data, name)
	if err != nil {
		return object{}, err
	}
	return v.object()
}
