// Package job embeds the rows of files into a file, as many as there are, so that
// nothing is lost when it is stopped.
//
//	report, err := job.Run(ctx, model, job.Config{Inputs: []string{"texts.jsonl"}, Output: "embeddings.parquet"})
//
// A job may end at any moment: by an error, a signal, a power failure. Run again,
// it goes on behind the last chunk of rows that it wrote, half a second earlier at most, and the output is byte
// for byte that of a job that nothing disturbed. Until it is complete, all that
// there is lies in a folder beside the output, named after it with .job at the
// end; the output appears under its name at once. Of the folder then remains a hidden
// file, by which the same job, run again, knows that it is complete. What a job needs in
// memory does not grow with the number of rows.
package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/internal/fill"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// Config says what a job does. Inputs and Output must be given.
type Config struct {
	Inputs       []string // files, in their order; one that does not exist may be a pattern as of filepath.Glob
	InputFormat  string   // "text", "jsonl", "csv" or "parquet"; "" = by each name; .gz and .zst at its end tell a compression
	TextField    string   // the field or column that holds the text; in jsonl and Parquet behind a dot one of an object or struct; "" = "text"
	IDField      string   // the one that holds the id; "" = "id", where there is one
	InputCharset string   // what the bytes of inputs stand for, by IANA's name or WHATWG's; "" = UTF-8
	KeepBlank    bool     // lines of white space alone in files of text are rows, bad ones; else they are passed over, and Index counts them
	Output       string   // a file that does not exist
	Store        Store    // of inputs, patterns and an output that are objects; nil = all are files
	Work         string   // the folder where a job lies whose output is an object, until it is complete; then its record and its report of bad rows are objects, too; "" = the working folder
	OutputFormat string   // "jsonl", "csv", "npy", "parquet" or, for the importer of a database, "elasticsearch", "pgvector", "pgvector-binary", "qdrant", "weaviate" or "milvus"; "" = by the name; .gz and .zst at its end compress all but npy and parquet
	Collection   string   // where the rows go of a format that a database imports: the index of "elasticsearch", where "" leaves it to the request; the collection of "weaviate", which must be given
	Keep         []string // columns of the inputs that the output has too
	Drop         []string // in place of Keep: it has all but these; nil = none, empty = all

	Options   embed.Options // without Spans
	MaxActive int           // of RunSparse: as in sparse.Options

	ChunkTokens  int  // each text is cut into chunks of at most so many tokens, as of package chunk, and each is a row; 0 = a row a text
	ChunkOverlap int  // tokens at most that a chunk has in common with the one before it
	Late         bool // each chunk is embedded in the light of its text, by Options.Spans; a text over the limit by windows
	LongMean     bool // a text over the limit becomes the mean of its parts within it, by their tokens; in place of chunks

	OnError   OnError
	ChunkRows int // rows that are read, embedded and written together, fewer where they are long; 0 = 4096
	Shard     int // this part of the rows, from 1, of Shards parts; its Index counts from 0, until Merge
	Shards    int // 0 = the rows are not parted

	KeepJob  bool           // the folder with the job's record stays when it is complete
	Restart  bool           // forget what earlier runs did, and replace the output
	Progress func(Progress) // called after each chunk, one call at a time; nil = nobody is told

	interval time.Duration        // between two commits, at least; 0 = commitInterval
	types    map[string]rows.Type // of fields of jsonl in Parquet; nil = not known yet
	taken    []string             // columns that the rows have of their own, beside those of all
	rowGroup int64                // bytes of chunks that become a row group of Parquet; 0 = rows.RowGroup
}

// commitInterval is how long chunks may wait for the disk to hold them for good.
const commitInterval = time.Second / 2

// OnError says what a bad row does: one that cannot be read, or that the model refuses.
type OnError uint8

const (
	Stop OnError = iota // end the run with an error; what was written stays, and once the row is mended, the next run goes on
	Skip                // stand as an error in the output and in the report; not for npy, which has no place for it
)

// String returns the name of o, such as "stop".
func (o OnError) String() string {
	if o == Skip {
		return "skip"
	}
	return "stop"
}

// A Progress is how far a job is.
type Progress struct {
	Rows     int           // written, in earlier runs too
	Failed   int           // of them
	Fraction float64       // of the work, 0 to 1, by bytes read
	Rate     float64       // rows per second, in this run
	Tokens   float64       // tokens per second, in this run
	Left     time.Duration // until the end at this run's pace
}

// A Report is what a job did.
type Report struct {
	Rows    int    // of the inputs, in the output
	Chunks  int    // that their texts were cut into, rows of the output; 0 = a row of the inputs is one of the output
	Failed  int    // of them
	Resumed int    // of them: written by earlier runs
	Cut     int    // of them: over the limit, and cut
	Dropped int    // tokens that these lost
	Scales  string // the file of float32 numbers in npy, one for each row of a complete npy output of 8 bits without ranges; "" = none
	Errors  string // the file that has a line of JSON for each row that failed; "" = none did
}

// A StaleError says why what earlier runs left does not fit this one. With
// Config.Restart the job begins anew.
type StaleError struct{ Err error }

// Error returns a message such as "out.npy.job: the job began with other settings: dimensions was 128, is 64".
func (e *StaleError) Error() string { return e.Err.Error() }

// Unwrap returns what does not fit.
func (e *StaleError) Unwrap() error { return e.Err }

func stale(format string, args ...any) error { return &StaleError{fmt.Errorf(format, args...)} }

// ErrRunning is the error of a job that another process, or another call, runs.
var ErrRunning = errors.New("the job is running already")

// Run runs a job until its output is complete. Where it is complete already, for
// the same settings and inputs, Run does nothing. Errors are a *StaleError,
// ErrRunning, those of Model.Embed, of reading and of writing; that of a bad row
// names its file and line.
func Run(ctx context.Context, m *embed.Model, cfg Config) (Report, error) {
	return run(ctx, cfg, func(how fill.How) (*fill.Filler, error) { return fill.New(ctx, m, how) }, m.Info())
}

// RunSparse is Run for a sparse model, whose embeddings are objects with indices and values
// in jsonl, and columns of these names in Parquet. Of Config.Options it takes Prompt,
// PromptName, Truncate and MaxTokens; others, Late and LongMean are an error, and so is npy.
func RunSparse(ctx context.Context, m *sparse.Model, cfg Config) (Report, error) {
	return run(ctx, cfg, func(how fill.How) (*fill.Filler, error) { return fill.NewSparse(m, how) }, embed.Info{Facts: m.Info().Facts})
}

// RunMultiVector is Run for a multi-vector model, whose embeddings are lists of vectors; npy
// has no place for them. Texts are documents, but for the prompt name "query". Of Config.Options
// it takes Prompt, PromptName, Truncate, MaxTokens and Formats; others, chunks and LongMean are an error.
func RunMultiVector(ctx context.Context, m *multivector.Model, cfg Config) (Report, error) {
	return run(ctx, cfg, func(how fill.How) (*fill.Filler, error) { return fill.NewMulti(ctx, m, how) }, embed.Info{Facts: m.Info().Facts})
}

// run runs a job with a model of which info is what its settings hold.
func run(ctx context.Context, cfg Config, newFiller func(fill.How) (*fill.Filler, error), info embed.Info) (Report, error) {
	j := &job{info: info, cfg: cfg, started: time.Now()}
	how := fill.How{
		Options: cfg.Options, MaxActive: cfg.MaxActive,
		ChunkTokens: cfg.ChunkTokens, ChunkOverlap: cfg.ChunkOverlap, Late: cfg.Late, Mean: cfg.LongMean,
	}
	var err error
	if j.filler, err = newFiller(how); err != nil {
		return Report{}, err
	}
	if err := j.prepare(ctx); err != nil {
		return Report{}, err
	}
	f, err := openFolder(ctx, &j.cfg)
	if err != nil {
		return Report{}, err
	}
	j.folder = f
	if f.state != nil {
		j.cfg.types = f.state.Types // those of the rows that are done, whatever comes
	}
	if j.layout.Kept, err = columnsOf(ctx, &j.cfg, j.inputs); err == nil {
		err = j.run(ctx)
	}
	err = errors.Join(err, f.close())
	return j.report(), err
}

// A job is one run of a job.
type job struct {
	cfg      Config
	info     embed.Info
	filler   *fill.Filler
	inputs   []inputFile
	layout   *rows.Layout
	settings settings
	*folder
	sink    sink
	errors  *log
	resumed int
	started time.Time
	tokens  int
	first   float64 // fraction of the work that earlier runs did

	linesBefore struct { // the shard, in the file within which it begins
		sync.Mutex
		n int // 0 = not counted yet
	}
}

// prepare checks all that can be checked before a file is written.
func (j *job) prepare(ctx context.Context) (err error) {
	cfg := &j.cfg
	if err := checkStore(cfg.Store, append([]string{cfg.Output}, cfg.Inputs...)...); err != nil {
		return err
	}
	if cfg.OutputFormat == "" {
		if cfg.OutputFormat, err = outputFormat(cfg.Output); err != nil {
			return err
		}
	}
	cfg.TextField = cmp.Or(cfg.TextField, "text")
	cfg.ChunkRows = cmp.Or(cfg.ChunkRows, 4096)
	cfg.interval = cmp.Or(cfg.interval, commitInterval)
	switch {
	case cfg.ChunkRows < 0:
		return fmt.Errorf("chunks of %d rows, expected at least one", cfg.ChunkRows)
	case cfg.Shards < 0 || cfg.Shard < min(cfg.Shards, 1) || cfg.Shard > cfg.Shards:
		return fmt.Errorf("shard %d of %d, expected 1 to the number of shards", cfg.Shard, cfg.Shards)
	case cfg.Keep != nil && cfg.Drop != nil:
		return errors.New("columns to keep and columns to drop, expected either")
	}
	j.layout = &rows.Layout{Formats: cfg.Options.Formats, Errors: cfg.OnError == Skip}
	if len(j.layout.Formats) == 0 {
		j.layout.Formats = defaultFormats
	}
	j.filler.Complete(j.layout)
	cfg.taken = j.layout.Taken()
	if j.layout.Multi && cfg.OutputFormat == "npy" {
		return errors.New("npy has no place for the vectors of a multi-vector model, expected jsonl or parquet")
	}
	if rows.IsStore(cfg.OutputFormat) || cfg.OutputFormat == "csv" {
		if _, err := rows.NewRecords(cfg.OutputFormat, j.layout, cfg.Collection); err != nil {
			return err
		}
	} else if cfg.Collection != "" {
		return fmt.Errorf("collection %q: %s goes into none", cfg.Collection, cfg.OutputFormat)
	}
	if cfg.OutputFormat == "npy" {
		if err := j.layout.CheckNPY(); err != nil {
			return err
		}
		if j.layout.Scale && rows.IsObject(cfg.Output) {
			return fmt.Errorf("embeddings as %v, each at a scale of its own: npy has no place for that in a store; give ranges, or choose another format of output", j.layout.Formats[0])
		}
		if err := checkScalesName(cfg.Output); err != nil && j.layout.Scale {
			return err
		}
		if cfg.Keep != nil || cfg.Drop != nil {
			return errors.New("npy has no place for columns of the inputs")
		}
	}
	if j.inputs, err = findInputs(ctx, cfg); err != nil {
		return err
	}
	if j.layout.About, err = j.filler.About(ctx, j.layout); err == nil {
		j.settings = newSettings(cfg, j.info, j.layout.About.Fingerprint)
	}
	return err
}

// outputFormat returns the format that the name of an output tells.
func outputFormat(name string) (string, error) {
	name, _ = rows.CutParameters(name)
	base := name
	if ext := strings.ToLower(filepath.Ext(name)); ext == ".gz" || ext == ".zst" {
		base = strings.TrimSuffix(name, filepath.Ext(name))
	}
	switch ext := strings.ToLower(filepath.Ext(base)); {
	case ext == ".jsonl" || ext == ".ndjson":
		return "jsonl", nil
	case ext == ".csv":
		return "csv", nil
	case (ext == ".npy" || ext == ".parquet") && base == name:
		return ext[1:], nil
	case ext != "" && rows.IsStore(ext[1:]):
		return ext[1:], nil
	}
	return "", fmt.Errorf("%s: %w of the output, expected .jsonl, .csv, .npy, .parquet or the format of a store at its end, perhaps with .gz or .zst behind it", name, rows.ErrFormat)
}

// run does what earlier runs left to do.
func (j *job) run(ctx context.Context) error {
	if err := j.resume(ctx); err != nil {
		return err
	}
	j.resumed = j.state.Rows
	if j.state.Stage == stageDone {
		return j.settle(ctx, j.cfg.KeepJob)
	}
	if j.state.Stage == stageWriting {
		if err := j.open(); err != nil {
			return err
		}
		if err := j.process(ctx); err != nil {
			return err
		}
		if err := j.sink.finish(); err != nil {
			return err
		}
		j.state.Stage, j.state.Size = stageWritten, j.output().size
		if err := j.commit(); err != nil {
			return err
		}
	}
	if err := j.publish(ctx); err != nil {
		return err
	}
	return j.settle(ctx, j.cfg.KeepJob)
}

// resume takes up the record of earlier runs, or begins one.
func (j *job) resume(ctx context.Context) error {
	s := j.state
	if s == nil {
		if err := j.there(ctx); err == nil && !j.cfg.Restart {
			return stale("%s: exists already, and no job is on record that wrote it", j.cfg.Output)
		}
		if j.scaled() && !j.cfg.Restart {
			if err := j.checkScales(); err != nil {
				return err
			}
		}
		j.state = &state{Settings: j.settings.encode(), Inputs: j.inputs, Types: j.cfg.types, Layout: j.layout, Files: map[string]int64{}}
		return j.save()
	}
	var free []string
	if s.Stage == stageWriting {
		free = append([]string{"chunk rows"}, reading...)
		if j.settings.compare(s.Settings, free[:1]) != nil || !s.At.holds(s.Inputs, j.inputs) {
			s.At = nil
		}
	}
	if err := j.settings.compare(s.Settings, free); err != nil {
		return stale("%s: %w", j.name(), err)
	}
	if s.Stage == stageDone {
		for i, in := range j.inputs {
			if i >= len(s.Inputs) || s.Inputs[i] != in {
				return stale("%s: the job is done, but since then %s has changed", j.name(), in.Name)
			}
		}
		if n := len(j.inputs); n < len(s.Inputs) {
			return stale("%s: the job is done, with %s too", j.name(), s.Inputs[n].Name)
		}
		if info, err := j.cfg.stat(ctx, j.cfg.Output); err != nil || info.Size() != s.Size {
			return stale("%s: the job is done, but its output of %d bytes is no longer there", j.name(), s.Size)
		}
		if _, err := os.Stat(j.scalesPath()); j.scaled() && err != nil {
			return stale("%s: the job is done, but %s is no longer there", j.name(), j.scalesPath())
		}
	}
	if s.Stage == stageWriting {
		if s.Shard != nil {
			if err := s.Shard.fits(s.Inputs, j.inputs); err != nil {
				return stale("%s: %w", j.name(), err)
			}
		}
		s.Inputs, s.Settings, s.Layout = j.inputs, j.settings.encode(), j.layout
	}
	return nil
}

// open opens what the job writes.
func (j *job) open() (err error) {
	out, err := j.openLog(outputFile)
	if err != nil {
		return err
	}
	if j.errors, err = j.openLog(errorsFile); err != nil {
		return err
	}
	switch j.cfg.OutputFormat {
	case "npy":
		a := &array{out: out, layout: j.layout}
		if j.layout.Scale {
			a.scales, err = j.openLog(scalesFile)
		}
		j.sink = a
	case "parquet":
		j.sink, err = newTable(j.folder, out, j.layout, cmp.Or(j.cfg.rowGroup, rows.RowGroup))
	default:
		records, err := newRecords(j.cfg.OutputFormat, j.layout, j.cfg.Collection)
		if err != nil {
			return err
		}
		j.sink, err = newLines(out, j.layout, records, j.cfg.Output)
		return err
	}
	return err
}

// scaled reports whether scales of the output's rows go into a file of their own.
func (j *job) scaled() bool { return j.cfg.OutputFormat == "npy" && j.layout.Scale }

func (j *job) report() Report {
	if j.state == nil {
		return Report{}
	}
	r := Report{Rows: j.state.Rows, Failed: j.state.Failed, Resumed: j.resumed, Chunks: j.state.Pieces, Cut: j.state.Cut, Dropped: j.state.Dropped}
	if r.Failed > 0 {
		r.Errors = j.file(errorsFile)
		if j.state.Stage == stageDone {
			r.Errors = j.errorsPath()
		}
	}
	if j.scaled() && j.state.Stage == stageDone {
		r.Scales = j.scalesPath()
	}
	return r
}
