package fill

import (
	"context"
	"slices"
	"sort"

	"github.com/rhumb-go/rhumb/embed/chunk"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// cutLate adds the parts of a text whose chunks are embedded in its light: the text
// itself where the model reads it at once, else windows, each with the chunks that it has
// as a whole, behind up to a quarter of it with the chunks before them.
//
// A chunk without a token of its own in its window, of characters that the model does not
// read, goes with the one before it or behind it.
func (f *Filler) cutLate(ctx context.Context, all *parts, r *rows.Result, chunks []chunk.Chunk) error {
	l := late{f, ctx, r.Text, chunks, nil}
	starts, n, err := l.encode(0, len(r.Text))
	if err != nil {
		return err
	}
	windows := []window{{0, 0, len(chunks), starts}}
	if f.limit > 0 && n > f.limit {
		l.starts = starts
		if windows, err = l.windows(f.limit - (n - len(starts))); err != nil {
			return err
		}
	}
	r.Chunks = make([]rows.Chunk, 0, len(chunks))
	var own []*part
	for _, w := range windows {
		begin := chunks[w.context].Start
		p := &part{of: r, text: r.Text[begin:chunks[w.end-1].End]}
		open := false // the last span has no token yet
		for i := w.first; i < w.end; i++ {
			k := tokenizer.Span{Start: chunks[i].Start - begin, End: chunks[i].End - begin}
			has := count(w.starts, k.Start, k.End) > 0
			switch last := len(p.spans) - 1; {
			case last >= 0 && (open || !has):
				p.spans[last].End = k.End
				open = open && !has
			default:
				p.spans = append(p.spans, k)
				open = !has
			}
		}
		for _, s := range p.spans {
			r.Chunks = append(r.Chunks, rows.Chunk{Start: begin + s.Start, End: begin + s.End})
		}
		own = append(own, p)
	}
	to := r.Chunks
	for _, p := range own {
		for range p.spans {
			p.to, to = append(p.to, &to[0].Embedding), to[1:]
		}
	}
	all.late = append(all.late, own...)
	return nil
}

// late is one call of cutLate.
type late struct {
	*Filler
	ctx    context.Context
	text   string
	chunks []chunk.Chunk
	starts []int // of the tokens of the whole text, ascending
}

// A window is chunks that the model reads together: those from first up to end are
// embedded, those from context up to first are read before them.
type window struct {
	context, first, end int
	starts              []int // of its tokens, in its text, ascending
}

// encode returns where in text[start:end] its tokens begin, ascending, and their number,
// special tokens and the prompt's included.
func (l *late) encode(start, end int) (starts []int, n int, err error) {
	prompt := l.Filler.chunks.Prompt
	e, err := l.tok.EncodeOffsets(prompt+l.text[start:end], tokenizer.Options{Done: l.ctx.Done()})
	if err != nil {
		return nil, 0, err
	}
	head, tail := l.tok.Frame()
	for _, at := range e.Offsets[len(head) : len(e.Offsets)-len(tail)] {
		if at.Start >= len(prompt) || at.End > len(prompt) {
			starts = append(starts, max(0, at.Start-len(prompt)))
		}
	}
	slices.Sort(starts)
	return starts, len(e.IDs), nil
}

// count returns how many of starts are from start to end.
func count(starts []int, start, end int) int {
	return sort.SearchInts(starts, end) - sort.SearchInts(starts, start)
}

// windows returns windows that have each chunk once, with room for so many tokens.
func (l *late) windows(room int) (all []window, err error) {
	for first := 0; first < len(l.chunks); {
		begin := l.chunks[first].Start
		w := window{context: first, first: first, end: first + 1}
		for w.context > 0 && count(l.starts, l.chunks[w.context-1].Start, begin) <= room/4 {
			w.context--
		}
		for w.end < len(l.chunks) && count(l.starts, l.chunks[w.context].Start, l.chunks[w.end].End) <= room {
			w.end++
		}
		for { // by itself it may have other tokens at its ends
			var n int
			if w.starts, n, err = l.encode(l.chunks[w.context].Start, l.chunks[w.end-1].End); err != nil {
				return nil, err
			}
			from := l.chunks[w.context].Start
			fits, bare := n <= l.limit, count(w.starts, begin-from, len(l.text)) == 0 // no token but the context's
			if w.context == first && (fits || w.end == first+1) || fits && !bare {
				break
			}
			if !fits && w.end > first+1 {
				w.end--
			} else {
				w.context++
			}
		}
		all = append(all, w)
		first = w.end
	}
	return all, nil
}
