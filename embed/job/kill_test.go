package job

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// The test binary is a program that runs a job where these are set.
const (
	envModel, envInput, envOutput = "RHUMB_JOB_MODEL", "RHUMB_JOB_INPUT", "RHUMB_JOB_OUTPUT"
	envShard                      = "RHUMB_JOB_SHARD" // I/N
	envLimit                      = "RHUMB_JOB_LIMIT" // bytes of a file
)

func TestMain(m *testing.M) {
	if os.Getenv(envModel) != "" {
		if err := program(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program runs a job, and prints a line after each chunk.
func program() (err error) {
	if err := limitFiles(os.Getenv(envLimit)); err != nil {
		return err
	}
	m, err := embed.Load(context.Background(), os.Getenv(envModel), embed.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	cfg := Config{Inputs: []string{os.Getenv(envInput)}, Output: os.Getenv(envOutput), ChunkRows: 64, interval: 1, rowGroup: 8 << 10}
	if _, err := fmt.Sscanf(os.Getenv(envShard), "%d/%d", &cfg.Shard, &cfg.Shards); err != nil && os.Getenv(envShard) != "" {
		return err
	}
	cfg.Progress = func(p Progress) { fmt.Println(p.Rows) }
	_, err = Run(context.Background(), m, cfg)
	return err
}

// start starts the program on an input and an output, with further variables.
func start(t *testing.T, model, input, output, limit string, more ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), envModel+"="+model, envInput+"="+input, envOutput+"="+output, envLimit+"="+limit)
	cmd.Env = append(cmd.Env, more...)
	cmd.Stderr = new(bytes.Buffer)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

// modelFolder returns the folder of loadModel's model.
func modelFolder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(goldens, "modules", "static"))))
	data := read(t, filepath.Join(goldens, "bert", "model", "tokenizer.json"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.json"), data, 0o666))
	return dir
}

// finished runs the program to its end, and returns the output.
func finished(t *testing.T, model, input, output string, more ...string) []byte {
	t.Helper()
	cmd, out := start(t, model, input, output, "", more...)
	for out.Scan() {
	}
	require.NoError(t, cmd.Wait(), cmd.Stderr)
	return read(t, output)
}

// killed runs the program again and again, kills it each time, and returns what a last
// run makes of that.
func killed(t *testing.T, random *rand.Rand, model, input, output string, more ...string) []byte {
	t.Helper()
	kills := 0
	for range 20 {
		cmd, out := start(t, model, input, output, "", more...)
		for range random.IntN(3) {
			out.Scan()
		}
		// The program is somewhere on its way to the next line.
		require.NoError(t, cmd.Process.Kill())
		if cmd.Wait() == nil {
			break // it was done before
		}
		kills++
	}
	assert.Positive(t, kills)
	return finished(t, model, input, output, more...)
}

// A job that is killed again and again ends with the output of one that is not.
func TestKill(t *testing.T) {
	model, dir := modelFolder(t), t.TempDir()
	input := filepath.Join(dir, "in.jsonl")
	writeInput(t, input, makeTexts(2000))
	random := rand.New(rand.NewPCG(20, 26))
	for _, name := range outputs {
		t.Run(name, func(t *testing.T) {
			whole := finished(t, model, input, filepath.Join(dir, "whole-"+name))
			assert.Equal(t, whole, killed(t, random, model, input, filepath.Join(dir, name)))
		})
	}
}

// So do two shards that run, and are killed, at once: merged they are the whole.
func TestKillShards(t *testing.T) {
	model, dir := modelFolder(t), t.TempDir()
	input := filepath.Join(dir, "in.jsonl")
	writeInput(t, input, makeTexts(2000))
	for _, name := range []string{"out.jsonl", "out.jsonl.zst", "out.npy", "out.parquet"} {
		t.Run(name, func(t *testing.T) {
			parts := make([][]byte, 2)
			outputs := []string{filepath.Join(dir, "1"+name), filepath.Join(dir, "2"+name)}
			t.Run("shards", func(t *testing.T) {
				for i := range parts {
					shard := fmt.Sprint(i+1, "/2")
					t.Run(shard, func(t *testing.T) {
						t.Parallel()
						random := rand.New(rand.NewPCG(18, uint64(i)))
						parts[i] = killed(t, random, model, input, outputs[i], envShard+"="+shard)
						whole := finished(t, model, input, filepath.Join(dir, fmt.Sprint("whole", i, name)), envShard+"="+shard)
						assert.Equal(t, whole, parts[i])
					})
				}
			})
			whole, merged := finished(t, model, input, filepath.Join(dir, "whole-"+name)), filepath.Join(dir, "merged-"+name)
			_, err := Merge(t.Context(), merged, outputs)
			require.NoError(t, err)
			if name != "out.parquet" { // whose row groups end elsewhere
				assert.Equal(t, whole, read(t, merged))
			}
		})
	}
}
