//go:build linux || darwin

package job

import (
	"bytes"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// limitFiles makes writes fail behind so many bytes of a file, as on a full disk.
func limitFiles(limit string) error {
	if limit == "" {
		return nil
	}
	n, err := strconv.ParseUint(limit, 10, 64)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n})
}

func TestFullDisk(t *testing.T) {
	model, dir := modelFolder(t), t.TempDir()
	input := filepath.Join(dir, "in.jsonl")
	writeInput(t, input, makeTexts(1500))
	for _, name := range outputs {
		t.Run(name, func(t *testing.T) {
			run := func(output, limit string) (string, error) {
				cmd, out := start(t, model, input, output, limit)
				for out.Scan() {
				}
				err := cmd.Wait()
				return cmd.Stderr.(*bytes.Buffer).String(), err
			}
			whole, output := filepath.Join(dir, "whole-"+name), filepath.Join(dir, name)
			_, err := run(whole, "")
			require.NoError(t, err)
			size := len(read(t, whole))
			for _, part := range []int{3, 2} {
				message, err := run(output, strconv.Itoa(size/part))
				require.Error(t, err)
				assert.Regexp(t, `^write .*(output|spool): file too large`, message)
				assert.NoFileExists(t, output)
			}
			_, err = run(output, "")
			require.NoError(t, err)
			assert.Equal(t, read(t, whole), read(t, output))
		})
	}
}
