package job

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/rhumb-go/rhumb/internal/rows"
)

// A mergedPart is an output of a shard.
type mergedPart struct {
	path  string
	state *state
	shift int // of the index of its rows
}

// Merge writes the outputs of all shards of a job into one, the output of the job without
// shards: the same bytes, but where chunks ended by their size, before Config.ChunkRows
// rows, the same rows in other blocks of a compressed file or row groups of Parquet. The parts may come in any order. With
// each must be its record, the hidden file beside it or its folder. Parts of other settings
// or inputs, and one that is missing, given twice or not complete, are an error; so is an
// output that exists. A Merge that was stopped begins anew.
func Merge(ctx context.Context, output string, parts []string) (Report, error) {
	return merge(ctx, output, parts, rows.RowGroup)
}

func merge(ctx context.Context, output string, names []string, rowGroup int64) (report Report, err error) {
	for _, name := range append([]string{output}, names...) {
		if isObject(name) {
			return report, fmt.Errorf("%s: an object, expected a file", name)
		}
	}
	parts, err := findParts(ctx, names)
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
	if m.folder, err = openFolder(ctx, &Config{Output: output}); err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if s := m.state; s == nil {
		if err := m.begin(rowGroup); err != nil {
			return report, err
		}
	} else if s.Stage != stageWritten || m.settings.compare(s.Settings, nil) != nil || !slices.Equal(s.Inputs, m.merged.Inputs) {
		return report, stale("%s: is the output of a job already", output)
	}
	if err := m.publish(ctx); err != nil {
		return report, err
	}
	if err := m.settle(false); err != nil {
		return report, err
	}
	s := m.state
	report = Report{Rows: s.Rows, Failed: s.Failed, Chunks: s.Pieces, Cut: s.Cut, Dropped: s.Dropped}
	if report.Failed > 0 {
		report.Errors = m.errorsPath()
	}
	return report, nil
}

// findParts returns the parts of the names with their records, in the order of the shards.
func findParts(ctx context.Context, names []string) (parts []mergedPart, err error) {
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		f := &folder{path: name, local: name, dir: name + ".job"}
		if err := f.readRecord(ctx); err != nil {
			return nil, err
		}
		s := f.state
		switch {
		case s == nil:
			return nil, fmt.Errorf("%s: no record of a job; expected the file %s that the job left beside it", name, filepath.Base(f.besideFile()))
		case s.Shard == nil || s.Layout == nil:
			return nil, fmt.Errorf("%s: not the output of a shard", name)
		case s.Stage != stageDone:
			return nil, fmt.Errorf("%s: the job is not complete", name)
		case info.Size() != s.Size:
			return nil, fmt.Errorf("%s: %d bytes, the job wrote %d", name, info.Size(), s.Size)
		}
		parts = append(parts, mergedPart{path: name, state: s})
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
	chunk  int // rows of the inputs that are written together
}

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
	}
	m.merged = s
	return m, nil
}

// begin writes what is to become the output, which is not there yet.
func (m *merger) begin(rowGroup int64) error {
	if _, err := os.Lstat(m.path); err == nil {
		return stale("%s: exists already", m.path)
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
	case "jsonl":
		err = m.lines(out)
	case "npy":
		err = m.arrays(out)
	case "parquet":
		err = m.tables(out, rowGroup)
	default:
		err = fmt.Errorf("output format %q, expected jsonl, npy or parquet", m.format)
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
		name, failed := (&folder{local: p.path}).errorsPath(), 0
		err := m.eachLine(name, p.shift, func(line []byte, another bool) error {
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

// lines merges files of JSON lines.
func (m *merger) lines(out *log) error {
	records, err := rows.NewRecords("jsonl", m.layout, "")
	if err != nil {
		return err
	}
	sink, err := newLines(out, m.layout, records, m.path)
	if err != nil {
		return err
	}
	n := 0 // rows of the inputs in the block
	for i := range m.parts {
		p := &m.parts[i]
		count := 0
		err := m.eachLine(p.path, p.shift, func(line []byte, another bool) error {
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
	return sink.finish()
}

// checkRows returns an error where a part had not the rows of the inputs that it should have.
func (p *mergedPart) checkRows(n int) error {
	if n == p.state.Rows {
		return nil
	}
	return fmt.Errorf("%s: %d rows, the job wrote %d", p.path, n, p.state.Rows)
}

// arrays merges NumPy arrays.
func (m *merger) arrays(out *log) error {
	if m.layout.Scale {
		return errors.New("npy of rows with scales of their own: parts are not merged; expected ranges, or jsonl or parquet")
	}
	sink := &array{out: out, layout: m.layout}
	if err := sink.write(nil); err != nil { // the header's place
		return err
	}
	for i := range m.parts {
		p := &m.parts[i]
		if size := m.layout.Bytes(); size == 0 || p.state.Size < rows.NPYHeader || (p.state.Size-rows.NPYHeader)%int64(size) != 0 {
			return fmt.Errorf("%s: %d bytes, expected a header of %d and rows of %d", p.path, p.state.Size, rows.NPYHeader, size)
		}
		if err := m.copyArray(out, p); err != nil {
			return err
		}
	}
	return sink.finish()
}

// cutIndex returns the line of a result behind its index, and that.
func cutIndex(line []byte) (index int, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(line, []byte(`{"index":`))
	digits := 0
	for digits < len(rest) && digits < 18 && rest[digits] >= '0' && rest[digits] <= '9' {
		index = 10*index + int(rest[digits]-'0')
		digits++
	}
	return index, rest[digits:], ok && digits > 0 && digits < len(rest)
}
