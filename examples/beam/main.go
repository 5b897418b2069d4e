// Command beam is an Apache Beam pipeline that embeds the rows of Parquet and
// JSONL files and writes the vectors as Parquet. It runs on one machine as it
// is, and on Flink, Spark and Dataflow with the flags of Beam; see README.md.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
	"github.com/rhumb-go/rhumb/embed"
)

// A job is what the flags say, beside those of Beam.
type job struct {
	Source
	Embedder
	Input       string // glob of the files to read
	Output      string // folder of the vectors' files
	DeadLetters string // file of the rows that have no vector; "" = in Output
}

func main() {
	var j job
	flag.StringVar(&j.Input, "input", "", "`GLOB` of the files to read: .jsonl, .jsonl.gz or .parquet")
	flag.StringVar(&j.Output, "output", "", "`FOLDER` to write the vectors to, as Parquet")
	flag.StringVar(&j.DeadLetters, "dead-letters", "", "`FILE` for the rows that have no vector, as JSONL (default: dead-letters.jsonl in the output folder)")
	flag.StringVar(&j.TextField, "text-field", "text", "`NAME` of the field or column that holds the text")
	flag.StringVar(&j.IDField, "id-field", "id", "`NAME` of the field or column that tells rows apart")
	flag.StringVar(&j.Model, "model", builtin, "`FOLDER` of the model on the workers, or "+builtin+" for the one inside the binary")
	flag.StringVar(&j.Options.Prompt, "prompt", "", "`TEXT` to put before each text")
	flag.StringVar(&j.Options.PromptName, "prompt-name", "", "`NAME` of one of the model's prompts")
	flag.IntVar(&j.Options.Dimensions, "dimensions", 0, "components of a vector to keep, the first `N`; 0 for the model's")
	flag.Func("truncate", "side that texts over the model's limit lose, `end|start|none`; none makes them dead letters (default: the model's)", j.setTruncation)
	flag.IntVar(&j.BatchTokens, "batch-tokens", 0, "tokens that go through the model at once, `N`; 0 for a good default")
	flag.IntVar(&j.Shards, "shards", 16, "groups that rows are dealt into, `N`: the most workers that embed at once, and the files of vectors")
	flag.Parse()
	beam.Init() // does not return on a worker

	n, err := j.run(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if n == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "%d rows: %d vectors, %d dead letters\n", n[rowCount], n[vectorCount], n[deadCount])
}

func (j *job) setTruncation(name string) error {
	t, ok := map[string]embed.Truncation{
		"end": embed.TruncateEnd, "start": embed.TruncateStart, "none": embed.TruncateNone,
	}[name]
	if !ok {
		return fmt.Errorf("expected end, start or none")
	}
	j.Options.Truncate = t
	return nil
}

// run runs the pipeline and returns what its counters say. Where the runner is
// not waited for (--async), there are none.
func (j *job) run(ctx context.Context) (map[string]int64, error) {
	if err := j.check(ctx); err != nil {
		return nil, err
	}
	p, s := beam.NewPipelineWithRoot()
	j.build(s)
	result, err := beamx.RunWithMetrics(ctx, p)
	if err != nil || result == nil || *jobopts.Async {
		return nil, err
	}
	sums := map[string]int64{}
	for _, c := range result.Metrics().AllMetrics().Counters() {
		if c.Namespace() == namespace {
			sums[c.Name()] += c.Result()
		}
	}
	return sums, nil
}

// check looks for what can be seen before the pipeline runs. Files of vectors
// from another run would be mixed up with those of this one, so there may be none.
func (j *job) check(ctx context.Context) error {
	if j.Input == "" || j.Output == "" {
		return fmt.Errorf("--input and --output: expected both (--help shows all flags)")
	}
	if j.Shards < 1 {
		return fmt.Errorf("--shards %d: expected 1 or more", j.Shards)
	}
	files, err := filesystem.New(ctx, j.Output)
	if err != nil {
		return err
	}
	defer files.Close()
	old, err := files.List(ctx, inFolder(j.Output, vectorsGlob))
	if err != nil {
		return err
	}
	if len(old) > 0 {
		return fmt.Errorf("--output: %s is there already; expected a folder without vectors", old[0])
	}
	return nil
}

// build adds the transforms of j.
func (j *job) build(s beam.Scope) {
	rows, unread := Read(s, j.Input, j.Source)
	refused := WriteVectors(s, rows, j.Embedder, j.Output)
	WriteDeadLetters(s, beam.Flatten(s, unread, refused),
		cmp.Or(j.DeadLetters, inFolder(j.Output, "dead-letters.jsonl")))
}
