package embed

import (
	"fmt"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// A Precision is the number format in which a transformer multiplies: that of its
// linear layers' weights in memory and of what they are multiplied with. Norms,
// activations, softmax, pooling and the modules behind it are float32 in each, and
// a table of token vectors is the same in each. A folder that Quantize wrote loads
// at each, too: in Float32, the default, it is computed with what its codes stand for.
type Precision uint8

const (
	Float32  = Precision(kernel.Float32)  // exact, the zero Precision
	BFloat16 = Precision(kernel.BFloat16) // attention too; half the memory of float32
	Int8     = Precision(kernel.Int8)     // linear layers: whole numbers in steps of their range, see docs/int8.md; a quarter of the memory
	Int4     = Precision(kernel.Int4)     // weights of 4 bits times inputs of 8, see docs/quantization.md; a seventh of the memory
)

// String returns the name of p, such as "float32".
func (p Precision) String() string {
	if p < Precision(kernel.Formats) {
		return kernel.Format(p).String()
	}
	return fmt.Sprintf("Precision(%d)", uint8(p))
}

// Precisions returns all, the default first.
func Precisions() []Precision {
	list := make([]Precision, kernel.Formats)
	for i := range list {
		list[i] = Precision(i)
	}
	return list
}

// ParsePrecision returns the Precision of that name.
func ParsePrecision(name string) (Precision, error) {
	for _, p := range Precisions() {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("precision: unknown %q, expected %s", name, precisionNames())
}

// precisionNames lists the names of all.
func precisionNames() string {
	var names []string
	for _, p := range Precisions() {
		names = append(names, p.String())
	}
	return strings.Join(names, ", ")
}
