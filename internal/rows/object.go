package rows

import "regexp"

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
