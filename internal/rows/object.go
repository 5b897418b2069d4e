package rows

import (
	"context"
	"fmt"
	"regexp"
)

var (
	scheme     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
	parameters = regexp.MustCompile(`\?[A-Za-z0-9_]+=`)
)

// IsObject reports whether name is one of an object, which begins with a scheme, such as
// s3://bucket/key, and not one of a file.
func IsObject(name string) bool { return scheme.MatchString(name) }

// CutParameters returns the name of an object without the parameters that may follow it, as
// in s3://bucket/key?region=eu-west-1, and these, with the question mark. The name of a file
// has none.
func CutParameters(name string) (base, rest string) {
	if at := parameters.FindStringIndex(name); at != nil && IsObject(name) {
		return name[:at[0]], name[at[0]:]
	}
	return name, ""
}

// Opener returns what opens the object of that name for reading, nil where it is the name of a
// file. Without open, that of a store, an object is an error.
func Opener[F File](open func(ctx context.Context, name string) (F, error), name string) (func(ctx context.Context, name string) (File, error), error) {
	switch {
	case !IsObject(name):
		return nil, nil
	case open == nil:
		return nil, fmt.Errorf("%s: an object, expected a file; the command rhumb-cloud takes it, as do programs with a job.Config.Store and pipelines such as examples/beam", name)
	}
	return func(ctx context.Context, name string) (File, error) {
		o, err := open(ctx, name)
		if err != nil {
			return nil, err // no object in an interface of another kind
		}
		return o, nil
	}, nil
}
