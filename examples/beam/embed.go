package main

import (
	"context"
	"errors"
	"hash/fnv"
	"reflect"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
)

func init() {
	beam.RegisterType(reflect.TypeOf(timed{}))
	register.DoFn3x0[beam.EventTime, Row, func(int, timed)](&dealFn{})
	register.DoFn5x1[context.Context, int, func(*timed) bool, func(beam.EventTime, Vector), func(beam.EventTime, DeadLetter), error](&embedFn{})
	register.Emitter2[int, timed]()
	register.Iter1[timed]()
	register.Emitter2[beam.EventTime, Vector]()
	register.Emitter2[beam.EventTime, DeadLetter]()
}

// builtin is the name of the model inside the binary.
const builtin = "minilm"

// An Embedder says how rows are embedded.
type Embedder struct {
	Model       string // a folder on the workers, or "minilm"
	BatchTokens int    // as in embed.Config
	Options     embed.Options
	Shards      int // groups that rows are dealt into, at least 1
}

// Embed returns the vectors of rows, and the dead letters of those that the
// model refuses: no text, or too many tokens. Both have the window and the
// timestamp of their row.
//
// Rows are dealt into groups, which are embedded one after the other or on as
// many workers: grouping, unlike the bundles of a runner, makes long runs of
// rows on every runner, and keeps windows apart. The model cuts a run into
// batches of BatchTokens tokens, and memory does not grow with its length. A
// vector does not depend on what it was computed with, nor where.
func Embed(s beam.Scope, rows beam.PCollection, e Embedder) (vectors, refused beam.PCollection) {
	s = s.Scope("Embed")
	return beam.ParDo2(s, &embedFn{Embedder: e}, e.deal(s, rows))
}

// deal deals rows into groups: numbers, and the timed rows of each.
func (e *Embedder) deal(s beam.Scope, rows beam.PCollection) beam.PCollection {
	return beam.GroupByKey(s, beam.ParDo(s, &dealFn{e.Shards}, rows))
}

// A timed row has its timestamp with it, which a group does not keep.
type timed struct {
	Time int64 // as beam.EventTime
	Row  Row
}

// dealFn puts the group's number before a row.
type dealFn struct{ Shards int }

// ProcessElement does so for one row.
func (f *dealFn) ProcessElement(t beam.EventTime, r Row, emit func(int, timed)) {
	emit(shard(r.ID, f.Shards), timed{int64(t), r})
}

// shard returns the number of an id's group, 0 to shards-1: the same in each run.
func shard(id string, shards int) int {
	h := fnv.New32a()
	h.Write([]byte(id))
	return int(h.Sum32() % uint32(shards))
}

// embedFn embeds a group.
type embedFn struct {
	Embedder
	model *embed.Model
}

// Setup takes the worker's model.
func (f *embedFn) Setup() (err error) {
	f.model, err = load(modelKey{f.Model, f.BatchTokens})
	return err
}

// ProcessElement embeds the rows of one group and one window.
func (f *embedFn) ProcessElement(ctx context.Context, _ int, rows func(*timed) bool, vector func(beam.EventTime, Vector), dead func(beam.EventTime, DeadLetter)) error {
	return f.each(ctx, rows, dead, func(t beam.EventTime, v Vector) error {
		vector(t, v)
		return nil
	})
}

// each gives the vectors of rows to use, and those that the model refuses to dead.
func (f *embedFn) each(ctx context.Context, rows func(*timed) bool, dead func(beam.EventTime, DeadLetter), use func(beam.EventTime, Vector) error) error {
	var waiting []timed // for the model, which reads some hundred rows ahead
	texts := func(yield func(string) bool) {
		for {
			var r timed
			if !rows(&r) {
				return
			}
			waiting = append(waiting, r)
			if !yield(r.Row.Text) {
				return
			}
		}
	}
	for e, err := range f.model.EmbedSeq(ctx, texts, f.Options) {
		var fault *embed.InputError
		if err != nil && !errors.As(err, &fault) {
			return err
		}
		r, t := waiting[0].Row, typex.EventTime(waiting[0].Time)
		waiting = waiting[1:]
		if fault != nil {
			deadLetters.Inc(ctx, 1)
			dead(t, DeadLetter{Source: r.Source, ID: r.ID, Row: r.Text, Error: fault.Err.Error()})
			continue
		}
		if err := use(t, Vector{ID: r.ID, Embedding: e.Float32, Tokens: int32(e.Tokens), Truncated: int32(e.Truncated)}); err != nil {
			return err
		}
		vectorsMade.Inc(ctx, 1)
	}
	return nil
}

type modelKey struct {
	name        string
	batchTokens int
}

// models are the models of this process: from modelKey to the function that
// loads it once.
var models sync.Map

// load returns the model of that key. All DoFns of a worker share it, and it is
// there as long as the process.
func load(k modelKey) (*embed.Model, error) {
	once, _ := models.LoadOrStore(k, sync.OnceValues(func() (*embed.Model, error) {
		cfg := embed.Config{BatchTokens: k.batchTokens}
		if k.name == builtin {
			return minilm.Load(context.Background(), cfg)
		}
		return embed.Load(context.Background(), k.name, cfg)
	}))
	return once.(func() (*embed.Model, error))()
}
