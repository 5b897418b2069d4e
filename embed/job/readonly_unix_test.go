//go:build linux || darwin

package job

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Where a folder or a file cannot be written, the error names it, and once it can the next run
// goes on.
func TestReadOnly(t *testing.T) {
	dir, err := os.MkdirTemp("", "")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	model, input, binary := filepath.Join(dir, "model"), filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "program")
	require.NoError(t, os.CopyFS(model, os.DirFS(modelFolder(t))))
	writeInput(t, input, makeTexts(1000))
	program, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(binary, read(t, program), 0o777))
	require.NoError(t, os.Chmod(dir, 0o755))

	// run runs the program on an output, and returns its message.
	run := func(output, limit string) string {
		cmd := command(t, model, input, output, limit)
		if os.Geteuid() == 0 { // whom no permission stops
			cmd.Path, cmd.SysProcAttr = binary, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		err := cmd.Run()
		if errors.Is(err, fs.ErrPermission) {
			t.Skip("NOT RUN: another user cannot run the program: ", err)
		}
		message := cmd.Stderr.(*bytes.Buffer).String()
		if err == nil {
			require.Empty(t, message)
		} else {
			require.NotEmpty(t, message, err)
		}
		return message
	}
	for _, name := range []string{"out.jsonl", "out.parquet"} {
		t.Run(name, func(t *testing.T) {
			outputs := filepath.Join(dir, "in-"+name)
			output := filepath.Join(outputs, name)
			forbid := func(path string, mode, again os.FileMode, message string) {
				t.Helper()
				require.NoError(t, os.Chmod(path, mode))
				assert.Equal(t, message+": permission denied\n", run(output, ""))
				assert.NoFileExists(t, output)
				require.NoError(t, os.Chmod(path, again))
			}
			require.NoError(t, os.Mkdir(outputs, 0o777))
			require.NoError(t, os.Chmod(outputs, 0o777))
			whole := filepath.Join(outputs, "whole-"+name)
			require.Empty(t, run(whole, ""))
			job := output + ".job"
			forbid(outputs, 0o555, 0o777, "mkdir "+job)
			assert.NoDirExists(t, job)

			require.Contains(t, run(output, strconv.Itoa(len(read(t, whole))/2)), "file too large")
			forbid(filepath.Join(job, lockFile), 0o444, 0o666, "open "+filepath.Join(job, lockFile))
			forbid(filepath.Join(job, outputFile), 0o444, 0o666, "open "+filepath.Join(job, outputFile))
			forbid(job, 0o555, 0o777, "open "+filepath.Join(job, newRecord))
			written := take(t, job).state(t)
			assert.Positive(t, written.Rows)
			assert.Less(t, written.Rows, 1000)
			forbid(outputs, 0o555, 0o777, "rename "+filepath.Join(job, outputFile)+" "+output)
			assert.Equal(t, stageWritten, take(t, job).state(t).Stage)
			require.Empty(t, run(output, ""))
			assert.Equal(t, read(t, whole), read(t, output))
		})
	}
}
