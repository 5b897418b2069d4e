package kernel

import "github.com/rhumb-go/rhumb/tensor"

// floatLoops widen halves of words to float32, exactly but for signaling NaNs: 16
// elements for each of blocks, which is positive. A nil one is that of tensor.
type floatLoops struct {
	fromBFloat16, fromFloat16 func(dst *float32, src *byte, blocks int)
}

// Float32sAt is t.Float32sAt(dst, offset), by the loops of s where it has them.
func (s *Set) Float32sAt(dst []float32, t tensor.Tensor, offset int) error {
	convert := s.fromBFloat16
	if t.DType == tensor.F16 {
		convert = s.fromFloat16
	}
	whole := len(dst) &^ (block - 1)
	if whole == 0 || offset < 0 || convert == nil || t.DType != tensor.F16 && t.DType != tensor.BF16 {
		return t.Float32sAt(dst, offset)
	}
	if err := t.Float32sAt(dst[whole:], offset+whole); err != nil {
		return t.Float32sAt(dst, offset) // which says what was asked for
	}
	src := t.Data[2*offset : 2*(offset+whole)]
	reads(src)
	writes(dst[:whole])
	for dst = dst[:whole]; len(dst) > 0; {
		n := min(len(dst), maxWork)
		convert(&dst[0], &src[0], n/block)
		dst, src = dst[n:], src[2*n:]
	}
	return nil
}
