package pipeline

import (
	"runtime/debug"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Guard runs read, which reads the weights in files, as they are when it ends. That
// one of them has changed since it was opened is an error, whatever read says: one
// that was cut makes it panic where it lies beyond the end.
func Guard(files func() []*tensor.File, read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			p := parallel.Recovered(r)
			if err = fault(files(), p); err == error(p) {
				panic(p)
			}
		}
	}()
	err = read()
	if e := changed(files()); e != nil {
		return e
	}
	return err
}

// changed returns an error where one of files has changed since it was opened.
func changed(files []*tensor.File) error {
	for _, f := range files {
		if err := f.Changed(); err != nil {
			return err
		}
	}
	return nil
}

// fault returns the error that p stands for: that of a file that was cut while it
// was read, or p itself.
func fault(files []*tensor.File, p *parallel.Panic) error {
	for _, f := range files {
		if err := f.Fault(p.Value); err != nil {
			return err
		}
	}
	return p
}
