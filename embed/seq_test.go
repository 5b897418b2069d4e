package embed

import (
	"context"
	"errors"
	"iter"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tokenizer"
)

// partTexts is the short texts that are computed together, for each worker.
const partTexts = 128

// collect returns what a sequence yields; where it is an error, its text.
func collect(seq iter.Seq2[Embedding, error]) (all []Embedding, errs map[int]string) {
	errs = map[int]string{}
	for e, err := range seq {
		if err != nil {
			errs[len(all)] = err.Error()
		}
		all = append(all, e)
	}
	return all, errs
}

// A sequence yields the bits of Embed, in the order of the texts.
func TestEmbedSeq(t *testing.T) {
	ctx := context.Background()
	for _, workers := range []int{1, 2} {
		m := loadGolden(t, "bert", Config{Workers: workers})
		some := readCases(t, "bert").Texts[1:]
		for _, n := range []int{0, 1, 39, partTexts*workers - 1, partTexts * workers, partTexts*workers + 1, 1000} {
			texts := slices.Repeat(some, n/len(some)+1)[:n]
			for _, opts := range []Options{{}, {PromptName: "query", Dimensions: 7, Formats: everyFormat}} {
				want := embedTexts(t, m, texts, opts)
				got, errs := collect(m.EmbedSeq(ctx, slices.Values(texts), opts))
				require.Empty(t, errs)
				require.Len(t, got, n)
				for i := range got {
					require.Equal(t, want.Embeddings[i], got[i])
				}
			}
		}
		seq := m.EmbedSeq(ctx, slices.Values(some), Options{})
		first, _ := collect(seq)
		again, _ := collect(seq)
		assert.Equal(t, first, again, "a second run over the same sequence")
		assert.Len(t, again, len(some))
	}
	noGoroutines(t)
}

// A fault of an input takes its place, and the others come.
func TestEmbedSeqFaults(t *testing.T) {
	m := loadGolden(t, "bert", Config{Workers: 2})
	texts := slices.Repeat([]string{"a", "river bank", strings.Repeat("river ", 40)}, 200)
	texts[0], texts[400], texts[401] = "", "", ""
	want := map[int]string{}
	for i, text := range texts {
		switch {
		case text == "":
			want[i] = (&InputError{i, errors.New("empty text")}).Error()
		case len(text) > 100:
			want[i] = (&InputError{i, &tokenizer.TooLongError{Tokens: 82, Limit: 32}}).Error()
		}
	}
	got, errs := collect(m.EmbedSeq(context.Background(), slices.Values(texts), Options{Truncate: TruncateNone}))
	assert.Equal(t, want, errs)
	require.Len(t, got, len(texts))
	for i, text := range texts {
		if want[i] != "" {
			assert.Equal(t, Embedding{}, got[i])
		} else {
			assert.Equal(t, embedTexts(t, m, []string{text}, Options{}).Embeddings[0], got[i])
		}
	}
	for _, err := range m.EmbedSeq(context.Background(), slices.Values(texts[:1]), Options{}) {
		var in *InputError
		require.ErrorAs(t, err, &in)
		assert.Equal(t, 0, in.Index)
	}
	_, errs = collect(notFinite(t, math.NaN()).EmbedSeq(context.Background(), slices.Values([]string{"a", "b"}), Options{}))
	assert.Len(t, errs, 2)
}

// Other errors end the sequence.
func TestEmbedSeqErrors(t *testing.T) {
	m, err := LoadFS(t.Context(), readModel(t, "bert"), Config{Workers: 2})
	require.NoError(t, err)
	texts := slices.Repeat([]string{"a"}, 2000)
	for _, n := range []int{0, 1, 2000} {
		_, errs := collect(m.EmbedSeq(context.Background(), slices.Values(texts[:n]), Options{Dimensions: -1}))
		assert.Equal(t, map[int]string{0: "dimensions: -1, expected 1 to 24"}, errs)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	got := 0
	for e, err := range m.EmbedSeq(ctx, slices.Values(texts), Options{}) {
		if err != nil {
			assert.Equal(t, context.Canceled, err)
			assert.Equal(t, Embedding{}, e)
			break
		}
		if got++; got == 100 {
			cancel()
		}
		require.LessOrEqual(t, got, 3*partTexts*2, "what was computed before is yielded, and no more")
	}
	assert.Less(t, got, len(texts))

	got = 0
	for _, err := range m.EmbedSeq(context.Background(), slices.Values(texts), Options{}) {
		if got++; got == 100 {
			require.NoError(t, m.Close()) // does not wait for the loop that it is in
		}
		if err != nil {
			assert.Equal(t, ErrClosed, err)
		}
	}
	assert.Less(t, got, len(texts))
	noGoroutines(t)
}

// Leaving the loop stops reading and computing, and so does a panic.
func TestEmbedSeqBreak(t *testing.T) {
	m := loadGolden(t, "bert", Config{Workers: 2})
	read := 0
	endless := func(yield func(string) bool) {
		for yield("a river") {
			read++
		}
	}
	for _, after := range []int{1, 300, 1000} {
		got := 0
		read = 0
		for _, err := range m.EmbedSeq(context.Background(), endless, Options{}) {
			require.NoError(t, err)
			if got++; got == after {
				break
			}
		}
		assert.LessOrEqual(t, read, after+3*partTexts*2)
		noGoroutines(t)
	}
	failing := func(yield func(string) bool) {
		for range 500 {
			yield("a river")
		}
		panic("no more")
	}
	assert.PanicsWithValue(t, "no more", func() { collect(m.EmbedSeq(context.Background(), failing, Options{})) })
	noGoroutines(t)
}

// The heap does not grow with the number of texts.
func TestEmbedSeqMemory(t *testing.T) {
	skipUnderRace(t)
	m := loadGolden(t, "bert", Config{Workers: 2})
	heap := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	const n = 60_000
	before, most, i := heap(), uint64(0), 0
	texts := func(yield func(string) bool) {
		for range n {
			if !yield("a river bank") {
				return
			}
		}
	}
	for _, err := range m.EmbedSeq(context.Background(), texts, Options{}) {
		require.NoError(t, err)
		if i++; i%10_000 == 0 {
			most = max(most, heap())
		}
	}
	require.Equal(t, n, i)
	// The embeddings of all texts would take 16 MB.
	assert.Less(t, most, before+4<<20)
}
