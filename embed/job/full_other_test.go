//go:build !linux && !darwin

package job

import "errors"

// limitFiles has no limit to set here.
func limitFiles(limit string) error {
	if limit != "" {
		return errors.New("no limit of file sizes on this system")
	}
	return nil
}
