package embed

import (
	"context"
	"slices"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/quant"
)

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
		return nil, optionError(OptionRanges, "%s%w", where, err)
	}
	if f := ranges.Fingerprint; f != "" {
		if own, err := m.loaded.FingerprintEntered(context.Background()); err != nil {
			return nil, err
		} else if f != own {
			return nil, optionError(OptionRanges, "%smeasured with a model of fingerprint %.50q, this one has %q", where, f, own)
		}
	}
	return ranges, nil
}
