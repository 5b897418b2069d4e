package tokenizer

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// A sentencePiece is what is read of a SentencePiece model, a message ModelProto
// of sentencepiece_model.proto (SentencePiece 0.2.1).
type sentencePiece struct {
	pieces       []sentence
	kind         uint64 // unigramKind or bpeKind
	byteFallback bool
	unknown      int // ids; -1 for none
	bos, eos     int
	unknownPiece string
	bosPiece     string
	eosPiece     string
	charsmap     []byte // of the normalizer Precompiled; empty for none
}

// A sentence is a piece of a SentencePiece model, and its id is its place.
type sentence struct {
	piece string
	score float32
	kind  uint64
}

// Kinds of models, trainer_spec.model_type, and of pieces.
const (
	unigramKind = 1
	bpeKind     = 2

	controlPiece     = 3
	userDefinedPiece = 4
)

// parseSentencePiece reads a SentencePiece model. Of the fields that are not
// read transformers 5.23 reads none either; a model that puts white space at the
// end of words is an error, as its ids would not be those it was trained with.
func parseSentencePiece(data []byte) (*sentencePiece, error) {
	m := &sentencePiece{kind: unigramKind, bos: 1, eos: 2, unknownPiece: "<unk>", bosPiece: "<s>", eosPiece: "</s>"}
	known := map[string]int{}
	err := eachField(data, "", func(f field) error {
		switch f.number {
		case 1:
			id := len(m.pieces)
			s, err := parseSentence(f.bytes, fmt.Sprintf("piece %d", id))
			if err != nil {
				return err
			}
			if first, twice := known[s.piece]; twice {
				return fmt.Errorf("piece %d: %q, which is piece %d too", id, s.piece, first)
			}
			known[s.piece] = id
			m.pieces = append(m.pieces, s)
		case 2:
			return m.parseTrainer(f.bytes)
		case 3:
			return eachField(f.bytes, "normalizer_spec", func(f field) error {
				if f.number == 2 && f.wire == lengthWire {
					m.charsmap = f.bytes
				}
				return nil
			})
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(m.pieces) == 0:
		return nil, fmt.Errorf("no pieces, expected a SentencePiece model")
	case m.kind != unigramKind && m.kind != bpeKind:
		return nil, unsupported.Errorf("trainer_spec: model_type %d, expected 1 (unigram) or 2 (bpe)", m.kind)
	}
	return m, nil
}

// parseSentence reads a message SentencePiece.
func parseSentence(data []byte, place string) (sentence, error) {
	s := sentence{kind: 1}
	err := eachField(data, place, func(f field) (err error) {
		switch {
		case f.number == 1 && f.wire == lengthWire:
			s.piece, err = f.text()
		case f.number == 2 && f.wire == fixed32Wire:
			s.score = math.Float32frombits(uint32(f.value))
		case f.number == 3 && f.wire == varintWire:
			s.kind = f.value
		}
		return err
	})
	switch score := float64(s.score); {
	case err != nil:
		return s, err
	case s.piece == "":
		return s, fmt.Errorf("%s: empty", place)
	case math.IsNaN(score) || math.IsInf(score, 0):
		return s, fmt.Errorf("%s: score %v, expected a finite number", place, s.score)
	}
	return s, nil
}

// parseTrainer reads a message TrainerSpec.
func (m *sentencePiece) parseTrainer(data []byte) error {
	return eachField(data, "trainer_spec", func(f field) (err error) {
		switch {
		case f.wire == varintWire:
			switch f.number {
			case 3:
				m.kind = f.value
			case 24:
				if f.value != 0 {
					return unsupported.Errorf("trainer_spec: treat_whitespace_as_suffix true: not supported")
				}
			case 35:
				m.byteFallback = f.value != 0
			case 40:
				m.unknown = int(int32(f.value))
			case 41:
				m.bos = int(int32(f.value))
			case 42:
				m.eos = int(int32(f.value))
			}
		case f.wire == lengthWire:
			switch f.number {
			case 45:
				m.unknownPiece, err = f.text()
			case 46:
				m.bosPiece, err = f.text()
			case 47:
				m.eosPiece, err = f.text()
			}
		}
		return err
	})
}

// A field is a field of a message of Protocol Buffers: a number for the wire
// types of numbers, bytes for that of lengths.
type field struct {
	place  string
	number uint64
	wire   uint64
	value  uint64
	bytes  []byte
}

// Wire types.
const (
	varintWire  = 0
	fixed64Wire = 1
	lengthWire  = 2
	fixed32Wire = 5
)

func (f field) text() (string, error) {
	if !utf8.Valid(f.bytes) {
		return "", fmt.Errorf("%s: field %d: %q is not UTF-8", f.place, f.number, f.bytes)
	}
	return string(f.bytes), nil
}

// eachField calls yield with each field of a message. place is where its errors
// say that the message is. The bytes of a field are those of data.
func eachField(data []byte, place string, yield func(field) error) error {
	for at := 0; at < len(data); {
		f := field{place: place}
		start := at
		fail := func(what string) error {
			if place != "" {
				what = place + ": " + what
			}
			return fmt.Errorf("%s at byte %d of %d", what, start, len(data))
		}
		tag, n := binary.Uvarint(data[at:])
		if n <= 0 || tag>>3 == 0 || tag>>32 != 0 {
			return fail("bad field")
		}
		at += n
		f.number, f.wire = tag>>3, tag&7
		switch f.wire {
		case varintWire:
			if f.value, n = binary.Uvarint(data[at:]); n <= 0 {
				return fail(fmt.Sprintf("field %d: bad number", f.number))
			}
			at += n
		case fixed64Wire, fixed32Wire:
			if n = 8; f.wire == fixed32Wire {
				n = 4
			}
			if len(data)-at < n {
				return fail(fmt.Sprintf("field %d: it ends early", f.number))
			}
			for i := range n {
				f.value |= uint64(data[at+i]) << (8 * i)
			}
			at += n
		case lengthWire:
			size, n := binary.Uvarint(data[at:])
			if n <= 0 || size > uint64(len(data)-at-n) {
				return fail(fmt.Sprintf("field %d: it ends early", f.number))
			}
			at += n
			f.bytes = data[at : at+int(size)]
			at += int(size)
		default:
			return fail(fmt.Sprintf("field %d: unknown wire type %d", f.number, f.wire))
		}
		if err := yield(f); err != nil {
			return err
		}
	}
	return nil
}

// merges calls yield with each pair of pieces that makes another, in the order
// of generate_merges of transformers 5.23: by the id of what they make, then by
// the length of the first.
func (m *sentencePiece) merges(yield func(left, right, result int32)) {
	ids, heads := newVocabulary(len(m.pieces)), newTrie(2*len(m.pieces))
	for id, s := range m.pieces {
		ids.add(s.piece, int32(id))
		heads.add(s.piece, int32(id))
	}
	for id, s := range m.pieces {
		node := int32(0)
		for i, r := range s.piece {
			head := heads.child(node, r)
			node = head.node
			if head.id < 0 {
				continue
			}
			if right, ok := ids.id(s.piece[i+utf8.RuneLen(r):]); ok {
				yield(head.id, right, int32(id))
			}
		}
	}
}
