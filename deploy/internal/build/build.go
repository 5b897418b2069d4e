// Package build makes the command and the image for containers that deploy and release write.
package build

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Binary builds the command of the repository in the folder root into the file path: static, without
// symbols, and with the same bytes in whatever folder. The flags are further ones of go build.
func Binary(ctx context.Context, root, path, goos, arch string, flags ...string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	args := slices.Concat([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", path}, flags, []string{"./cmd/rhumb"})
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}
