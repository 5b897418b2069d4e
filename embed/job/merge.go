package job

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/rhumb-go/rhumb/internal/rows"
)

// A mergedPart is an output of a shard.
type mergedPart struct {
	*folder
	shift int // of the index of its rows
}

// Merge writes the outputs of all shards of a job into one, the output of the job without
// shards: the same bytes, but where chunks ended by their size, before Config.ChunkRows
// rows, the same rows in other blocks of a compressed file or row groups of Parquet. Of
// the Config, Output, Store and Work count. The parts may come in any order; one that does not
// exist may be a pattern, as of Config.Inputs. With
// each must be its record, the hidden file beside it or its folder. Parts of other settings
// or inputs, and one that is missing, given twice or not complete, are an error; so is an
// output that exists. Rows for a store must have ids of the inputs: an index in their place
// is that of the part. A Merge that was stopped begins anew.
func Merge(ctx context.Context, cfg Config, parts []string) (Report, error) {
	return merge(ctx, Config{Output: cfg.Output, Store: cfg.Store, Work: cfg.Work, rowGroup: rows.RowGroup}, parts)
}

func merge(ctx context.Context, cfg Config, names []string) (report Report, err error) {
	output := cfg.Output
	if err := checkStore(cfg.Store, append([]string{output}, names...)...); err != nil {
		return report, err
	}
	parts, err := findParts(ctx, &cfg, names)
	if err != nil {
		return report, err
	}
	if err := checkParts(parts); err != nil {
		return report, err
	}
	m, err := newMerger(ctx, output, parts)
	if err != nil {
		return report, err
	}
	if m.folder, err = openFolder(ctx, &cfg); err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if s := m.state; s == nil {
		if err := m.begin(cfg.rowGroup); err != nil {
			return report, err
		}
	} else if s.Stage != stageWritten || m.settings.compare(s.Settings, nil) != nil || !slices.Equal(s.Inputs, m.merged.Inputs) {
		return report, stale("%s: is the output of a job already", output)
	}
	if err := m.publish(ctx); err != nil {
		return report, err
	}
	if err := m.settle(ctx, false); err != nil {
		return report, err
	}
	s := m.state
	report = Report{Rows: s.Rows, Failed: s.Failed, Chunks: s.Pieces, Cut: s.Cut, Dropped: s.Dropped}
	if report.Failed > 0 {
		report.Errors = m.errorsPath()
	}
	if m.scaled() {
		report.Scales = m.scalesPath()
	}
	return report, nil
}

// findParts returns the parts of the names with their records, in the order of the shards.
func findParts(ctx context.Context, cfg *Config, patterns []string) (parts []mergedPart, err error) {
	var names []string
	for _, pattern := range patterns {
		found, err := cfg.find(ctx, pattern)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	for _, name := range names {
		info, err := cfg.stat(ctx, name)
		if err != nil {
			return nil, err
		}
		f := newFolder(&Config{Output: name, Store: cfg.Store, Work: cfg.Work})
		if err := f.readRecord(ctx); err != nil {
			return nil, err
		}
		s := f.state
		switch {
		case s == nil:
			return nil, fmt.Errorf("%s: no record of a job; expected %s, which the job left beside it", name, f.besideFile())
		case s.Shard == nil || s.Layout == nil:
			return nil, fmt.Errorf("%s: not the output of a shard", name)
		case s.Stage != stageDone:
			return nil, fmt.Errorf("%s: the job is not complete", name)
		case info.Size() != s.Size:
			return nil, fmt.Errorf("%s: %d bytes, the job wrote %d", name, info.Size(), s.Size)
		}
		parts = append(parts, mergedPart{folder: f})
	}
	slices.SortStableFunc(parts, func(a, b mergedPart) int { return a.state.Shard.Number - b.state.Shard.Number })
	return parts, nil
}

// checkParts returns an error where parts are not all the shards of one job. It sets
// by how much the index of each is shifted.
func checkParts(parts []mergedPart) error {
	if len(parts) == 0 {
		return errors.New("no parts")
	}
	first, shift := parts[0], 0
	of := first.state.Shard.Of
	for i := range parts {
		p := &parts[i]
		s, number := p.state.Shard, i+1
		if s.Of != of {
			return fmt.Errorf("%s is shard %d of %d, %s shard %d of %d", first.path, first.state.Shard.Number, of, p.path, s.Number, s.Of)
		}
		if s.Number < number {
			return fmt.Errorf("%s and %s: both are shard %d of %d", parts[i-1].path, p.path, s.Number, of)
		}
		if s.Number > number {
			return fmt.Errorf("shard %d of %d is missing", number, of)
		}
		var with settings
		if err := json.Unmarshal(p.state.Settings, &with); err != nil {
			return fmt.Errorf("%s: settings: %w", p.path, err)
		}
		if err := with.compare(first.state.Settings, []string{"shard", "chunk rows"}); err != nil {
			return fmt.Errorf("%s, compared with %s: %w", p.path, first.path, err)
		}
		if err := sameInputs(first.state.Inputs, p.state.Inputs); err != nil {
			return fmt.Errorf("%s, compared with %s: %w", p.path, first.path, err)
		}
		begin := bound{}
		if i > 0 {
			begin = parts[i-1].state.Shard.To
		}
		if s.From != begin {
			return fmt.Errorf("%s begins with %+v, expected %+v, where the shard before it ends", p.path, s.From, begin)
		}
		if !maps.Equal(first.state.Types, p.state.Types) {
			return fmt.Errorf("%s: the columns kept have the types %v, those of %s have %v", p.path, p.state.Types, first.path, first.state.Types)
		}
		p.shift = shift
		shift += p.state.Indexes
	}
	if len(parts) < of {
		return fmt.Errorf("shard %d of %d is missing", len(parts)+1, of)
	}
	return nil
}

// sameInputs returns an error where inputs are not the same files, though elsewhere perhaps.
func sameInputs(was, is []inputFile) error {
	if len(was) != len(is) {
		return fmt.Errorf("%d inputs, expected %d", len(is), len(was))
	}
	for i, in := range is {
		if in.Size != was[i].Size || filepath.Base(in.Name) != filepath.Base(was[i].Name) {
			return fmt.Errorf("input %d was %s of %d bytes, expected %s of %d", i+1, in.Name, in.Size, was[i].Name, was[i].Size)
		}
		if in.Name == was[i].Name && in.Version != was[i].Version {
			return fmt.Errorf("input %d, %s, was of version %s, expected %s", i+1, in.Name, in.Version, was[i].Version)
		}
	}
	return nil
}

// A merger writes parts into one output.
type merger struct {
	*folder
	ctx    context.Context
	parts  []mergedPart
	merged *state
	settings
	layout *rows.Layout
	format string
	chunk  int    // rows of the inputs that are written together
	header []byte // of csv, once it was read
}

// scaled reports whether scales of the output's rows go into a file of their own.
func (m *merger) scaled() bool { return m.format == "npy" && m.layout.Scale }

func newMerger(ctx context.Context, output string, parts []mergedPart) (*merger, error) {
	first := parts[0].state
	var with settings
	if err := json.Unmarshal(first.Settings, &with); err != nil {
		return nil, fmt.Errorf("%s: settings: %w", parts[0].path, err)
	}
	m := &merger{ctx: ctx, parts: parts, settings: with, layout: first.Layout}
	m.format, _ = with["output format"].(string)
	chunk, _ := with["chunk rows"].(float64)
	m.chunk = max(int(chunk), 1)
	if format, err := outputFormat(output); err == nil && format != m.format {
		return nil, fmt.Errorf("%s: %s by its name, the parts are %s", output, format, m.format)
	}
	if err := checkScalesName(output); err != nil && m.scaled() {
		return nil, err
	}
	with["shard"] = "none"
	s := &state{Settings: with.encode(), Inputs: first.Inputs, Types: first.Types, Layout: first.Layout, Stage: stageWritten, Files: map[string]int64{}}
	for _, p := range parts {
		s.Chunks += p.state.Chunks
		s.Rows += p.state.Rows
		s.Failed += p.state.Failed
		s.Pieces += p.state.Pieces
		s.Cut += p.state.Cut
		s.Dropped += p.state.Dropped
		s.Indexes += p.state.Indexes
		s.IDs += p.state.IDs
		if n := p.state.Rows - p.state.Failed; rows.IsStore(m.format) && p.state.IDs != n {
			return nil, fmt.Errorf("%s: %d of its %d rows have no id, and in its place an index, which is that of the part; expected an id in each (--id-field names another field)", p.path, n-p.state.IDs, n)
		}
	}
	m.merged = s
	return m, nil
}

// begin writes what is to become the output, which is not there yet.
func (m *merger) begin(rowGroup int64) error {
	if err := m.there(m.ctx); err == nil {
		return stale("%s: exists already", m.path)
	}
	if err := m.checkScales(); err != nil && m.scaled() {
		return err
	}
	m.state = m.merged
	if err := m.write(rowGroup); err != nil {
		m.state = nil // there is nothing to go on with
		return errors.Join(err, m.closeLogs(), m.empty())
	}
	return m.commit()
}

// write writes the output, and the report of bad rows.
func (m *merger) write(rowGroup int64) error {
	out, err := m.openLog(outputFile)
	if err != nil {
		return err
	}
	report, err := m.openLog(errorsFile)
	if err != nil {
		return err
	}
	switch m.format {
	case "jsonl", "csv":
		err = m.lines(out)
	case "npy":
		err = m.arrays(out)
	case "parquet":
		err = m.tables(out, rowGroup)
	default:
		err = m.concatenate(out)
	}
	if err != nil {
		return err
	}
	m.state.Size = out.size
	for i := range m.parts {
		p := &m.parts[i]
		if p.state.Failed == 0 {
			continue
		}
		name, failed := p.errorsPath(), 0
		err := m.eachLine(name, "jsonl", p.shift, func(line []byte, another bool) error {
			failed++
			_, err := report.Write(line)
			return err
		})
		if err == nil && failed != p.state.Failed {
			err = fmt.Errorf("%s: %d rows, the job wrote %d", name, failed, p.state.Failed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lines merges files that have the index of a row at the beginning of its record: JSON lines,
// and comma-separated values.
func (m *merger) lines(out *log) error {
	records := new(rows.Records)
	sink, err := newLines(out, m.layout, records, m.path)
	if err != nil {
		return err
	}
	n := 0 // rows of the inputs in the block
	for i := range m.parts {
		p := &m.parts[i]
		count := 0
		err := m.eachLine(p.path, m.format, p.shift, func(line []byte, another bool) error {
			if another {
				count++
				n++
			}
			if n > m.chunk {
				if err := sink.pack(sink.buf); err != nil {
					return err
				}
				sink.buf, n = sink.buf[:0], 1
			}
			if out.size == 0 && len(sink.buf) == 0 {
				sink.buf = append(sink.buf, m.header...)
			}
			sink.buf = append(sink.buf, line...)
			return nil
		})
		if err := cmp.Or(err, p.checkRows(count)); err != nil {
			return err
		}
	}
	if n > 0 {
		if err := sink.pack(sink.buf); err != nil {
			return err
		}
	}
	records.Begin = string(m.header)
	return sink.finish()
}

// concatenate merges files for stores, in which no record depends on those before it.
func (m *merger) concatenate(out *log) error {
	collection, _ := m.settings["collection"].(string)
	records, err := rows.NewRecords(m.format, m.layout, collection)
	if err != nil {
		return err
	}
	sink, err := newLines(out, m.layout, records, m.path)
	if err != nil {
		return err
	}
	for i := range m.parts {
		if err := m.copyRecords(sink, m.parts[i].path); err != nil {
			return err
		}
	}
	if len(sink.buf) > 0 {
		if err := sink.pack(sink.buf); err != nil {
			return err
		}
	}
	return sink.finish()
}

// checkRows returns an error where a part had not the rows of the inputs that it should have.
func (p *mergedPart) checkRows(n int) error {
	if n == p.state.Rows {
		return nil
	}
	return fmt.Errorf("%s: %d rows, the job wrote %d", p.path, n, p.state.Rows)
}

// arrays merges NumPy arrays, and those of the scales.
func (m *merger) arrays(out *log) (err error) {
	sink := &array{out: out, layout: m.layout}
	if m.scaled() {
		if sink.scales, err = m.openLog(scalesFile); err != nil {
			return err
		}
	}
	if err := sink.write(nil); err != nil { // the headers' places
		return err
	}
	for i := range m.parts {
		p := &m.parts[i]
		size := int64(m.layout.Bytes())
		if size == 0 || p.state.Size < rows.NPYHeader || (p.state.Size-rows.NPYHeader)%size != 0 {
			return fmt.Errorf("%s: %d bytes, expected a header of %d and rows of %d", p.path, p.state.Size, rows.NPYHeader, size)
		}
		if err := m.copyArray(out, p.path, p.state.Size); err != nil {
			return err
		}
		if sink.scales == nil {
			continue
		}
		scales := (&folder{path: p.path}).scalesPath()
		if err := m.copyArray(sink.scales, scales, rows.NPYHeader+4*(p.state.Size-rows.NPYHeader)/size); err != nil {
			return err
		}
	}
	return sink.finish()
}
