package tokenizer

import (
	"encoding/base64"
	"encoding/binary"
	"unicode/utf8"
)

// A precompiled is the normalizer Precompiled: the replacements of a SentencePiece
// model, a Darts double array of them (github.com/s-yata/darts-clone) before
// their texts, each ended by a zero byte. As in the crate spm_precompiled 0.1.4
// and Hugging Face tokenizers 0.23.3 a grapheme cluster of up to 5 bytes is
// replaced whole by the text of the shortest entry that it begins with; the
// characters of others are looked up one by one.
type precompiled struct {
	units []uint32
	texts []byte
	ascii [utf8.RuneSelf]entry
}

// An entry is a replacement, or none.
type entry struct {
	text []byte
	ok   bool
}

// wholeCluster is how many bytes of a cluster are looked up whole.
const wholeCluster = 5

func parsePrecompiled(o object) (*precompiled, error) {
	if err := o.only("type", "precompiled_charsmap"); err != nil {
		return nil, err
	}
	v := o.get("precompiled_charsmap")
	text, err := v.str()
	if err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, v.errorf("not base64: %v", err)
	}
	if len(data) < 4 {
		return nil, v.errorf("%d bytes, expected at least 4", len(data))
	}
	size := uint64(binary.LittleEndian.Uint32(data)) &^ 3
	if data = data[4:]; size == 0 || size > uint64(len(data)) {
		return nil, v.errorf("a trie of %d bytes in %d", size, len(data))
	}
	p := &precompiled{units: make([]uint32, size/4), texts: data[size:]}
	for i := range p.units {
		p.units[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	if !utf8.Valid(p.texts) {
		return nil, v.errorf("texts that are not UTF-8")
	}
	for c := range p.ascii {
		p.ascii[c] = p.lookUp([]byte{byte(c)})
	}
	return p, nil
}

func (*precompiled) lowers() bool { return false }

func (p *precompiled) append(dst, text []byte, s *scratch) []byte {
	table := clusters()
	single := byte(utf8.RuneSelf) // characters below it are looked up at once
	if s.trace != nil {
		single = 0
	}
	turn := 0
	for i := 0; i < len(text); {
		// Most of ASCII is a cluster by itself.
		if c := text[i]; c < single && c != '\r' && (i+1 == len(text) || text[i+1] < utf8.RuneSelf) {
			if e := &p.ascii[c]; e.ok {
				dst = append(dst, e.text...)
				if s.grows(len(dst) - len(text)) {
					return dst
				}
			} else {
				dst = append(dst, c)
			}
			i++
			continue
		}
		end := table.end(text, i)
		dst = p.appendCluster(dst, text[i:end], s)
		if turn++; s.grows(len(dst)-len(text)) || turn%charactersBetween == 0 && s.ended() {
			return dst
		}
		i = end
	}
	return dst
}

func (p *precompiled) appendCluster(dst, cluster []byte, s *scratch) []byte {
	if len(cluster) <= wholeCluster {
		if e := p.lookUp(cluster); e.ok {
			if s.trace != nil {
				s.trace.replace(cluster, e.text)
			}
			return append(dst, e.text...)
		}
	}
	for len(cluster) > 0 {
		_, n := utf8.DecodeRune(cluster)
		from := cluster[:n]
		to := from
		if e := p.lookUp(from); e.ok {
			to = e.text
		}
		if s.trace != nil {
			s.trace.replace(from, to)
		}
		dst = append(dst, to...)
		if s.grows(len(dst)) {
			return dst
		}
		cluster = cluster[n:]
	}
	return dst
}

// lookUp returns the shortest entry that key begins with.
func (p *precompiled) lookUp(key []byte) entry {
	at, ok := uint32(0), true
	unit := p.units[0]
	at ^= offset(unit)
	for _, c := range key {
		if c == 0 {
			break
		}
		at ^= uint32(c)
		if unit, ok = p.unit(at); !ok || unit&(1<<31|0xFF) != uint32(c) {
			return entry{}
		}
		at ^= offset(unit)
		if unit>>8&1 == 1 {
			leaf, ok := p.unit(at)
			start := leaf & (1<<31 - 1)
			if !ok || uint64(start) > uint64(len(p.texts)) {
				return entry{}
			}
			end := start
			for int(end) < len(p.texts) && p.texts[end] != 0 {
				end++
			}
			return entry{p.texts[start:end], true}
		}
	}
	return entry{}
}

func (p *precompiled) unit(at uint32) (uint32, bool) {
	if uint64(at) >= uint64(len(p.units)) {
		return 0, false
	}
	return p.units[at], true
}

// offset returns how far the children of a unit are.
func offset(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }
