package tokenizer

import (
	"fmt"
	"strings"
)

// DecodeOptions say how ids are spelled; the zero value leaves special tokens out.
type DecodeOptions struct {
	KeepSpecial bool
}

// Decode returns the text of ids, as the decoder of the file joins their
// pieces (Hugging Face tokenizers 0.23.3). An id outside the vocabulary is an error.
func (t *Tokenizer) Decode(ids []int32, o DecodeOptions) (string, error) {
	var b strings.Builder
	first := true
	for i, id := range ids {
		piece, ok := t.Token(id)
		if !ok {
			return "", fmt.Errorf("token %d: id %d is not in the vocabulary", i, id)
		}
		if t.added.special[piece] && !o.KeepSpecial {
			continue
		}
		b.WriteString(t.decoder.spell(piece, first))
		first = false
	}
	return b.String(), nil
}

// A decoder joins pieces to a text: with spaces, unless it is WordPiece's.
type decoder struct {
	wordPiece bool
	prefix    string // of pieces that continue a word
	cleanup   bool
}

// spell returns what a piece adds to the text.
func (d *decoder) spell(piece string, first bool) string {
	if !first {
		if rest, ok := strings.CutPrefix(piece, d.prefix); ok && d.wordPiece {
			piece = rest
		} else {
			piece = " " + piece
		}
	}
	if d.cleanup {
		for _, c := range cleanups {
			piece = strings.ReplaceAll(piece, c[0], c[1])
		}
	}
	return piece
}

// cleanups are the replacements of WordPiece's decoder in their order; each is
// made within one piece and the space before it.
var cleanups = [...][2]string{
	{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"},
	{" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
}

// parseDecoder reads the decoder v. null joins pieces with spaces.
func parseDecoder(v value) (d decoder, err error) {
	if v.null() {
		return d, nil
	}
	o, kind, err := parseStep(v)
	if err != nil {
		return d, err
	}
	if kind != "WordPiece" {
		return d, v.errorf("unknown type %q", kind)
	}
	if err := o.only("type", "prefix", "cleanup"); err != nil {
		return d, err
	}
	d.wordPiece = true
	if d.prefix, err = o.get("prefix").str(); err != nil {
		return d, err
	}
	d.cleanup, err = o.get("cleanup").boolean()
	return d, err
}
