package tokenizer

import (
	"os"
	"strings"
	"sync"

	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// Load reads a tokenizer.json.
func Load(path string) (*Tokenizer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(data, path, nil)
}

// Parse reads the contents of a tokenizer.json, as Hugging Face tokenizers
// 0.23.3 writes it and as older versions did. A step, model or key that is not
// known is an error. The sections truncation, which Truncation returns, and padding are
// not obeyed: they are what the file's last user happened to set, not the model's limits.
func Parse(data []byte) (*Tokenizer, error) {
	return parse(data, "tokenizer.json", nil)
}

// parse is Parse with the file that errors start with. args, unless it is nil, is what
// the files beside it say.
func parse(data []byte, file string, args *arguments) (*Tokenizer, error) {
	v, err := newValue(data, file)
	if err != nil {
		return nil, err
	}
	o, err := v.object()
	if err != nil {
		return nil, err
	}
	if err := o.only("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
		"post_processor", "decoder", "model"); err != nil {
		return nil, err
	}
	if version := o.get("version"); !version.null() {
		if s, err := version.str(); err != nil {
			return nil, err
		} else if s != "1.0" {
			return nil, version.unsupported("%q, expected 1.0", s)
		}
	}
	truncation := strings.Clone(o.get("truncation").text)
	if args != nil && args.major == 5 {
		class, err := args.rebuilt(o)
		if err != nil {
			return nil, err
		}
		if class != "" {
			t, err := args.rebuild(o, class)
			if err == nil {
				t.truncation, t.version = truncation, 5
			}
			return t, err
		}
	}
	t := &Tokenizer{truncation: truncation}
	if args != nil {
		if t.version = args.major; t.version == 4 {
			if o, t.reading, err = args.change(o); err != nil {
				return nil, err
			}
		}
	}
	if t.model, err = parseModel(o.get("model")); err != nil {
		return nil, err
	}
	if err := t.parseSteps(o, args); err != nil {
		return nil, err
	}
	if t.version == 4 {
		err = args.end(t)
	}
	return t, err
}

// parseSteps reads the sections of o around the model, which t has. args is as for parse.
func (t *Tokenizer) parseSteps(o object, args *arguments) (err error) {
	t.vocab = t.model.vocabulary()
	if t.normalizers, err = parseNormalizer(nil, o.get("normalizer")); err != nil {
		return err
	}
	if t.preTokenizers, err = parsePreTokenizer(nil, o.get("pre_tokenizer")); err != nil {
		return err
	}
	t.fuseByteLevel()
	if t.decoders, err = parseDecoder(nil, o.get("decoder")); err != nil {
		return err
	}
	t.indexed = t.normalizers
	if args != nil && !args.normalizer.null() {
		if t.indexed, err = parseNormalizer(nil, args.normalizer); err != nil {
			return err
		}
	}
	added := o.get("added_tokens")
	if t.added, err = parseAdded(added, t.vocab); err != nil {
		return err
	}
	if args != nil {
		if err := t.added.takeBeside(args, t.vocab); err != nil {
			return err
		}
	}
	if err := t.checkFirst(o.get("pre_tokenizer")); err != nil {
		return err
	}
	if t.frame, err = parseFrame(bareFrame(), o.get("post_processor"), t.has); err != nil {
		return err
	}
	return t.prepare(added)
}

// prepare indexes the added tokens and makes the pool of scratch. added is the
// place of its errors.
func (t *Tokenizer) prepare(added value) error {
	s := &scratch{}
	for _, token := range t.added.tokens {
		s.size += len(token.content)
	}
	t.added.index(func(content string) string { return string(normalize(t.indexed, []byte(content), s)) })
	var err error
	if t.fault = s.err; s.err != nil {
		err = added.errorf("%v", s.err)
	}
	longest := min(shortPiece, max(t.vocab.longest, t.added.exact.forms.longest, t.added.normal.forms.longest))
	t.pool = &sync.Pool{New: func() any { return &scratch{hashes: make([]uint64, longest)} }}
	t.tracing = &sync.Pool{New: func() any {
		s := &scratch{hashes: make([]uint64, longest), trace: new(trace)}
		s.cache.off, s.parts.off = true, true // the trace's own knows more
		return s
	}}
	return err
}

// fuseByteLevel leaves the last step of ByteLevel to the model, where it can read bytes.
func (t *Tokenizer) fuseByteLevel() {
	last := len(t.preTokenizers) - 1
	if m, ok := t.model.(*bpe); ok && !m.fallback && last >= 0 && t.preTokenizers[last].byteLevel {
		t.fused = 1
		m.useBytes()
	}
}

// parseModel reads the section model. Files older than its type key are told by
// their other keys.
func parseModel(v value) (model, error) {
	o, err := v.object()
	if err != nil {
		return nil, err
	}
	kind := ""
	if t := o.get("type"); !t.null() {
		if kind, err = t.str(); err != nil {
			return nil, err
		}
	} else if kind = o.modelKind(); kind == "" {
		return nil, v.errorf("no type, and keys that tell none: %q", o.keys)
	}
	switch kind {
	case "BPE":
		return parseBPE(o)
	case "Unigram":
		return parseUnigram(o)
	case "WordLevel":
		return parseWordLevel(o)
	case "WordPiece":
		return parseWordPiece(o)
	}
	return nil, v.unsupported("unknown type %q", kind)
}

// modelKind returns the type of a model that does not say it; "" if nothing tells.
func (o object) modelKind() string {
	for _, k := range [...][2]string{
		{"merges", "BPE"}, {"max_input_chars_per_word", "WordPiece"}, {"unk_id", "Unigram"}, {"unk_token", "WordLevel"},
	} {
		if _, ok := o.members[k[0]]; ok {
			return k[1]
		}
	}
	return ""
}

// parseStep returns a step of the pipeline and its type.
func parseStep(v value) (object, string, error) {
	o, err := v.object()
	if err != nil {
		return o, "", err
	}
	kind, err := o.get("type").str()
	return o, kind, err
}

// parseSequence reads a step Sequence, whose steps are under key: it folds parse
// over them, beginning with all.
func parseSequence[T any](o object, key string, all T, parse func(T, value) (T, error)) (T, error) {
	if err := o.only("type", key); err != nil {
		return all, err
	}
	steps, err := o.get(key).array()
	for _, step := range steps {
		if err == nil && step.null() {
			err = step.mismatch("an object")
		}
		if err != nil {
			break
		}
		all, err = parse(all, step)
	}
	return all, err
}

// unsupported is errorf of what this package does not read, and which may be right.
func (v value) unsupported(format string, args ...any) error {
	return unsupported.Mark(v.errorf(format, args...))
}
