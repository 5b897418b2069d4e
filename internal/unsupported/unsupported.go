// Package unsupported marks the errors of models that this module does not compute,
// apart from those of files that are damaged or missing.
package unsupported

import (
	"errors"
	"fmt"
)

// Err is what errors.Is finds in the errors that Errorf and Mark return. It is not that
// of package errors, which systems return for what a file system cannot do.
var Err = errors.New("a model that this version does not compute")

// A fault is an error that is Err too, which its message does not say.
type fault struct{ error }

func (f *fault) Unwrap() error        { return f.error }
func (f *fault) Is(target error) bool { return target == Err }

// Errorf is fmt.Errorf of an error that is Err too.
func Errorf(format string, args ...any) error { return &fault{fmt.Errorf(format, args...)} }

// Mark returns err, an error that is Err too; nil for nil.
func Mark(err error) error {
	if err == nil {
		return nil
	}
	return &fault{err}
}
