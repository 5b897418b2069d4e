package job

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
)

var defaultFormats = []encoding.Format{encoding.Float}

// settings are those that a job's output depends on, by the names that they have
// in its record. What is not among them, such as OnError, says nothing of a row that
// is written.
type settings map[string]any

// reading are the settings of how rows are read. Of a job that goes on, the rows that
// are done, which are read once more, show whether they are still the same.
var reading = []string{"input format", "input charset", "blank lines"}

// recordVersion is counted up where a job would write other bytes.
const recordVersion = 2

// newSettings returns the settings of a job whose Config is complete, with a model of
// that fingerprint.
func newSettings(cfg *Config, m embed.Info, fingerprint string) settings {
	o := &cfg.Options
	s := settings{
		"record":           recordVersion,
		"fingerprint":      fingerprint,
		"kernels":          m.Kernels,
		"model max tokens": m.MaxTokens,
		"prompt":           o.Prompt,
		"prompt name":      o.PromptName,
		"truncate":         []string{"default", "end", "start", "none"}[o.Truncate],
		"max tokens":       o.MaxTokens,
		"dimensions":       cmp.Or(o.Dimensions, m.DefaultDimensions),
		"layers":           o.Layers,
		"normalize":        !o.Unnormalized,
		"input format":     cmp.Or(cfg.InputFormat, "by name"),
		"input charset":    cmp.Or(cfg.InputCharset, "utf-8"),
		"text field":       cfg.TextField,
		"id field":         cfg.IDField,
		"output format":    cfg.OutputFormat,
		"keep":             cfg.Keep,
		"drop":             cfg.Drop,
		"blank lines":      cfg.KeepBlank,
		"chunk rows":       cfg.ChunkRows,
		"chunk bytes":      chunkBytes,
		"shard":            "none",
	}
	if m.Precision == embed.Float32 && m.Kernels != "generic" && m.Kernels != "sse41" {
		s["kernels"] = "SIMD" // the same bits
	}
	if cfg.ChunkTokens > 0 { // which older records do not know
		s["chunk tokens"], s["chunk overlap"], s["late"] = cfg.ChunkTokens, cfg.ChunkOverlap, cfg.Late
	}
	if cfg.MaxActive > 0 {
		s["max active"] = cfg.MaxActive
	}
	if cfg.Collection != "" {
		s["collection"] = cfg.Collection
	}
	if cfg.LongMean {
		s["long"] = "mean"
	}
	if cfg.Shards > 0 {
		s["shard"] = fmt.Sprintf("%d/%d by size", cfg.Shard, cfg.Shards)
	}
	formats := o.Formats
	if len(formats) == 0 {
		formats = defaultFormats
	}
	var names []string
	for _, f := range formats {
		names = append(names, f.String())
	}
	s["formats"] = names
	ranges, err := json.Marshal(cmp.Or(o.Ranges, m.Ranges))
	if err != nil {
		ranges = []byte(err.Error()) // not finite: no embedding follows them either
	}
	sum := sha256.Sum256(ranges)
	s["ranges"] = hex.EncodeToString(sum[:16])
	return s
}

// encode returns s as JSON.
func (s settings) encode() json.RawMessage {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings, numbers and lists of strings
	}
	return data
}

// compare returns an error that names what differs from recorded settings, those without
// account of which rows are done already.
func (s settings) compare(recorded json.RawMessage, free []string) error {
	var was, is map[string]any
	if err := errors.Join(json.Unmarshal(recorded, &was), json.Unmarshal(s.encode(), &is)); err != nil {
		return err
	}
	names := maps.Clone(was)
	maps.Copy(names, is)
	var differences []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !slices.Contains(free, name) && !reflect.DeepEqual(was[name], is[name]) {
			differences = append(differences, fmt.Sprintf("%s was %s, is %s", name, shown(was[name]), shown(is[name])))
		}
	}
	if differences == nil {
		return nil
	}
	return fmt.Errorf("the job began with other settings: %s", strings.Join(differences, "; "))
}

// shown returns a setting for people to read, its beginning where it is long.
func shown(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	const most = 200
	if len(data) > most {
		return string(data[:most]) + "…"
	}
	return string(data)
}
