package embed

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/quant"
)

// ranges reads quantization_ranges.json, nil where there is none. Ranges of more
// dimensions than the model has are an error; fewer serve requests for as many.
func (f folder) ranges(dimensions int) (*quant.Ranges, error) {
	data, err := f.read(quant.RangesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := quant.ReadRanges(bytes.NewReader(data))
	if err == nil && len(r.Min) > dimensions {
		err = fmt.Errorf("%d dimensions, expected at most %d, as the model has", len(r.Min), dimensions)
	}
	if err != nil {
		return nil, f.errorIn(quant.RangesFile, err)
	}
	return r, nil
}

// ranges returns those that int8 and uint8 follow: the request's own, else the
// folder's. Own ones must serve r's vectors, and so must the folder's where r
// asks for a format that follows them.
func (m *Model) ranges(r *request, own *quant.Ranges) (*quant.Ranges, error) {
	ranges, where := own, ""
	if own == nil {
		if !slices.Contains(r.formats, encoding.Int8) && !slices.Contains(r.formats, encoding.Uint8) {
			return nil, nil
		}
		if ranges, where = m.info.Ranges, quant.RangesFile+": "; ranges == nil {
			return nil, nil
		}
	}
	if err := ranges.Check(r.dimensions, !r.unnormalized); err != nil {
		return nil, optionError("ranges", "%s%w", where, err)
	}
	if f := ranges.Fingerprint; f != "" && f != m.fingerprint() {
		return nil, optionError("ranges", "%smeasured with a model of fingerprint %.50q, this one has %q", where, f, m.fingerprint())
	}
	return ranges, nil
}
