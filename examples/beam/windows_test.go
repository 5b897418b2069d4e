package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
	"github.com/stretchr/testify/require"
)

func init() {
	register.Function2x0(stampRow)
	register.Function3x1(placeOfVector)
	register.Function3x1(placeOfLetter)
	register.Emitter2[beam.EventTime, Row]()
}

// stampRow makes row i, of second 3i; each fifth one has no text.
func stampRow(i int, emit func(beam.EventTime, Row)) {
	r := Row{ID: fmt.Sprint(i), Text: "north wind"}
	if i%5 == 0 {
		r.Text = ""
	}
	emit(mtime.FromMilliseconds(int64(3000*i)), r)
}

func placeOfVector(w beam.Window, t beam.EventTime, v Vector) string { return place(w, t, v.ID) }

func placeOfLetter(w beam.Window, t beam.EventTime, l DeadLetter) string { return place(w, t, l.ID) }

func place(w beam.Window, t beam.EventTime, id string) string {
	return fmt.Sprintf("%s at %d until %d", id, t.Milliseconds(), w.MaxTimestamp().Milliseconds())
}

// TestWindows checks that vectors and dead letters have the window and the
// timestamp of their row.
func TestWindows(t *testing.T) {
	var numbers []int
	var vectors, dead []any
	for i := range 40 {
		numbers = append(numbers, i)
		ms := 3000 * i
		p := fmt.Sprintf("%d at %d until %d", i, ms, ms/10_000*10_000+9_999) // windows of 10 s
		if i%5 == 0 {
			dead = append(dead, p)
		} else {
			vectors = append(vectors, p)
		}
	}
	p, s := beam.NewPipelineWithRoot()
	rows := beam.WindowInto(s, window.NewFixedWindows(10*time.Second), beam.ParDo(s, stampRow, beam.CreateList(s, numbers)))
	made, refused := Embed(s, rows, Embedder{Model: tiny, Shards: 2})
	global := window.NewGlobalWindows()
	passert.Equals(s, beam.WindowInto(s, global, beam.ParDo(s, placeOfVector, made)), vectors...)
	passert.Equals(s, beam.WindowInto(s, global, beam.ParDo(s, placeOfLetter, refused)), dead...)
	require.NoError(t, beamx.Run(context.Background(), p))
}
