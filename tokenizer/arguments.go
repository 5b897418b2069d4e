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
// transformers 5.23 does, or 4.57. Keys that no class looks at are ignored, as there.
type arguments struct {
	object
	config  object // config.json
	major   int    // of transformers, 4 or 5: what reads them
	further value  // additional_special_tokens of tokenizer_config.json
	read    func(value) (specialToken, error)

	// normalizer is tokenizer.json's own, which its added tokens went through, where the
	// class has another one.
	normalizer value
	added      []specialToken // of added_tokens_decoder or added_tokens.json, by id
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
	furtherTokens = "additional_special_tokens"
	extraTokens   = "extra_special_tokens"
	decoderKey    = "added_tokens_decoder"
)

// unsupportedKeys are those that change ids and that no published folder needs.
var unsupportedKeys = []string{
	"split_special_tokens", "fix_mistral_regex", "vocab", "merges", "tokenizer_object", "tokenizer_file", "post_processor", "init_inputs",
	"_spm_precompiled_charsmap",
}

const (
	configFile = "tokenizer_config.json"
	mapFile    = "special_tokens_map.json"
)

// supported returns an error if there is one of the keys that are not.
func (a *arguments) supported() error {
	for _, key := range unsupportedKeys {
		if v := a.get(key); v.truthy() {
			return v.unsupported("%s, expected none: it is not supported", v.short())
		}
	}
	return nil
}

// readArguments reads the arguments as transformers of that major version does, 0 for the
// one that the folder names, and tokens with read.
func readArguments(fsys fs.FS, major int, read func(value) (specialToken, error)) (a arguments, err error) {
	a.read = read
	if a.config, err = readObject(fsys, "config.json"); err != nil {
		return a, err
	}
	if a.object, err = readObject(fsys, configFile); err != nil {
		return a, err
	}
	if major == 0 {
		major = majorVersion(a.config, a.object)
	}
	a.major = major
	if v, ok := a.members[furtherTokens]; ok && (major == 4 || !a.get(extraTokens).truthy()) {
		if a.further = v; major > 4 {
			a.members[extraTokens] = v
		}
		delete(a.members, furtherTokens)
	}
	var specific []specialToken
	for _, key := range a.keys {
		if v := a.members[key]; a.ownName(key) && strings.HasPrefix(v.text, `"`) {
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
		// An object of tokenizer_config.json is a token where it says so.
		if v, ok := a.members[key]; ok && a.ownName(key) && v.tokenLike() && (v.file == mapFile || strings.Contains(v.text, `"__type"`)) {
			token, err := a.read(v)
			if err != nil {
				return a, err
			}
			a.specific = append(a.specific, token)
		}
	}
	a.specific = append(a.specific, specific...)
	return a, nil
}

// ownName reports whether key is the name of a special token of the folder's own.
// To transformers 4 it is none.
func (a *arguments) ownName(key string) bool {
	return a.major > 4 && strings.HasSuffix(key, "_token") && !slices.Contains(tokenNames, key)
}

// ownTokens is the key of the special tokens with names of the folder's own.
const ownTokens = "model_specific_special_tokens"

// takeNamed appends the tokens of model_specific_special_tokens, and of extra_special_tokens
// where that is an object, whose keys are names, and takes the keys away.
func (a *arguments) takeNamed(dst []specialToken) ([]specialToken, error) {
	for _, name := range []string{ownTokens, extraTokens} {
		v := a.get(name)
		if !strings.HasPrefix(v.text, "{") || name == ownTokens && a.major == 4 {
			continue
		}
		o, err := v.object()
		if err != nil {
			return dst, err
		}
		for _, key := range o.keys {
			token, err := a.read(o.members[key])
			if err != nil {
				return dst, err
			}
			dst = append(dst, token)
		}
		delete(a.members, name)
	}
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
		token, err := a.read(v)
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
		// transformers does not know an object of tokenizer_config.json for a token here.
		if v := a.get(name); v.truthy() && !(v.file == configFile && strings.HasPrefix(v.text, "{")) {
			token, err := a.read(v)
			if err != nil {
				return err
			}
			special[token.content] = true
		}
	}
	extra, err := a.get(extraTokens).tokens(a.read)
	if a.major == 4 {
		extra, err = a.extra(nil)
	}
	if err != nil {
		return err
	}
	for _, token := range extra {
		special[token.content] = true
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
	token, err := a.read(v)
	if _, decoder := a.members[decoderKey]; a.major == 4 && !decoder {
		return token, err // added_tokens.json says nothing of it
	}
	for _, added := range a.added {
		if added.content == token.content {
			added.id = 0
			token = added
		}
	}
	return token, err
}

// extra returns the further special tokens; otherwise where the arguments do not
// list them.
func (a *arguments) extra(otherwise []specialToken) (tokens []specialToken, err error) {
	if a.major == 4 { // the lists of both files are one
		for _, v := range []value{a.further, a.get(furtherTokens), a.get(extraTokens)} {
			some, err := v.tokens(a.read)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, some...)
		}
		if a.further.text == "" && a.get(furtherTokens).text == "" {
			tokens = append(tokens, otherwise...)
		}
		return tokens, nil
	}
	v, ok := a.members[extraTokens]
	if !ok && otherwise == nil {
		v, ok = a.members[furtherTokens]
	}
	if !ok {
		return otherwise, nil
	}
	return v.tokens(a.read)
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

// token returns a token: a string, or an object with the fields of AddedToken that
// says that it is one, where it has to.
func (v value) token() (token specialToken, err error) {
	if strings.HasPrefix(v.text, "{") {
		o, err := v.object()
		if err != nil {
			return token, err
		}
		untyped := v.inMap() || v.file == configFile && strings.HasPrefix(v.at, decoderKey)
		if kind := o.get("__type"); kind.text != `"AddedToken"` && (kind.text != "" || !untyped) {
			return token, kind.mismatch(`"AddedToken"`)
		}
	}
	return v.untyped()
}

// inMap reports whether v is a token with a name of special_tokens_map.json.
func (v value) inMap() bool {
	return v.file == mapFile && !strings.HasPrefix(v.at, "additional_special_tokens[")
}

// untyped is token for an object that need not say what it is.
func (v value) untyped() (token specialToken, err error) {
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
	token.special = token.special || v.inMap()
	return token, nil
}

// tokens returns a list of tokens, each as read reads it; null has none.
func (v value) tokens(read func(value) (specialToken, error)) (tokens []specialToken, err error) {
	if v.null() {
		return nil, nil
	}
	elements, err := v.array()
	for _, element := range elements {
		token, err := read(element)
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
