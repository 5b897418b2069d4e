package transformer

import (
	"slices"
	"strings"
)

// passOver is ignore for parts of the model that no text passes, which Model.Passed lists.
func (w *weights) passOver(prefixes ...string) {
	w.ignore(prefixes...)
	for _, p := range prefixes {
		w.passed = append(w.passed, w.path+p)
	}
}

// passedOver returns those of passOver that the file has.
func (w *weights) passedOver() []string {
	return slices.DeleteFunc(w.passed, func(p string) bool {
		return !slices.ContainsFunc(w.file.Names(), func(name string) bool { return strings.HasPrefix(name, p) })
	})
}
