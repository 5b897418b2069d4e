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
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/cache/disk"
	"github.com/rhumb-go/rhumb/encoding"
)

// The test binary is a program that runs a job where these are set.
const (
	envModel, envInput, envOutput = "RHUMB_JOB_MODEL", "RHUMB_JOB_INPUT", "RHUMB_JOB_OUTPUT"
	envShard                      = "RHUMB_JOB_SHARD" // I/N
	envLimit                      = "RHUMB_JOB_LIMIT" // bytes of a file
	envHow                        = "RHUMB_JOB_HOW"   // "chunks", or "scales"
	envCache                      = "RHUMB_JOB_CACHE" // a file
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
	var with embed.Config
	if name := os.Getenv(envCache); name != "" {
		rows, err := disk.Open(name, disk.Config{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		with.Cache = rows
	}
	m, err := embed.Load(context.Background(), os.Getenv(envModel), with)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	cfg := Config{Inputs: []string{os.Getenv(envInput)}, Output: os.Getenv(envOutput), ChunkRows: 64, interval: 1, rowGroup: 8 << 10}
	if _, err := fmt.Sscanf(os.Getenv(envShard), "%d/%d", &cfg.Shard, &cfg.Shards); err != nil && os.Getenv(envShard) != "" {
		return err
	}
	switch os.Getenv(envHow) {
	case "chunks":
		cfg.ChunkTokens, cfg.ChunkOverlap = 7, 2
	case "scales":
		cfg.Options.Formats = []encoding.Format{encoding.Int8}
	}
	cfg.Progress = func(p Progress) { fmt.Println(p.Rows) }
	_, err = Run(context.Background(), m, cfg)
	return err
}

// command returns the program on an input and an output, with further variables.
func command(t *testing.T, model, input, output, limit string, more ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), envModel+"="+model, envInput+"="+input, envOutput+"="+output, envLimit+"="+limit)
	cmd.Env = append(cmd.Env, more...)
	cmd.Stderr = new(bytes.Buffer)
	return cmd
}

// start starts that program.
func start(t *testing.T, model, input, output, limit string, more ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := command(t, model, input, output, limit, more...)
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
	t.Log(kills, "kills")
	assert.Positive(t, kills)
	return finished(t, model, input, output, more...)
}

// A job that is killed again and again ends with the output of one that is not.
func TestKill(t *testing.T) {
	model, dir := modelFolder(t), t.TempDir()
	input := filepath.Join(dir, "in.jsonl")
	writeInput(t, input, makeTexts(2500))
	random := rand.New(rand.NewPCG(20, 26))
	for _, name := range outputs {
		t.Run(name, func(t *testing.T) {
			whole := finished(t, model, input, filepath.Join(dir, "whole-"+name))
			assert.Equal(t, whole, killed(t, random, model, input, filepath.Join(dir, name)))
		})
	}
	// So it is where texts become several rows, where rows have scales in a file of their own,
	// and with a cache in a file, which is killed with it.
	for name, hows := range map[string][]string{
		"out.jsonl": {"chunks"}, "out.csv": {"cache"}, "out.npy": {"scales"}, "out.parquet": {"chunks", "cache"},
	} {
		for _, how := range hows {
			t.Run(name+"/"+how, func(t *testing.T) {
				whole, out := filepath.Join(dir, how+"-whole-"+name), filepath.Join(dir, how+"-"+name)
				more := []string{envHow + "=" + how}
				want := finished(t, model, input, whole, more...)
				if how == "cache" {
					more = append(more, envCache+"="+out+".cache")
				}
				assert.Equal(t, want, killed(t, random, model, input, out, more...))
				if how == "scales" {
					scales := (&folder{path: whole}).scalesPath()
					assert.Equal(t, read(t, scales), read(t, (&folder{path: out}).scalesPath()))
				}
			})
		}
	}
}

// So do two shards that run, and are killed, at once: merged they are the whole.
func TestKillShards(t *testing.T) {
	model, dir := modelFolder(t), t.TempDir()
	input := filepath.Join(dir, "in.jsonl")
	writeInput(t, input, makeTexts(3000))
	for _, name := range []string{"out.jsonl", "out.jsonl.zst", "out.csv", "out.npy", "scales.npy", "out.parquet", "out.milvus", "out.pgvector-binary"} {
		t.Run(name, func(t *testing.T) {
			how := envHow + "=" + strings.TrimSuffix(name, ".npy")
			outputs := []string{filepath.Join(dir, "1"+name), filepath.Join(dir, "2"+name)}
			t.Run("shards", func(t *testing.T) {
				for i, output := range outputs {
					shard := fmt.Sprint(i+1, "/2")
					t.Run(shard, func(t *testing.T) {
						t.Parallel()
						random := rand.New(rand.NewPCG(18, uint64(i)))
						part := killed(t, random, model, input, output, envShard+"="+shard, how)
						whole := finished(t, model, input, filepath.Join(dir, fmt.Sprint("whole", i, name)), envShard+"="+shard, how)
						assert.Equal(t, whole, part)
					})
				}
			})
			whole, merged := finished(t, model, input, filepath.Join(dir, "whole-"+name), how), filepath.Join(dir, "merged-"+name)
			report, err := Merge(t.Context(), Config{Output: merged}, outputs)
			require.NoError(t, err)
			if name != "out.parquet" { // whose row groups end elsewhere
				assert.Equal(t, whole, read(t, merged))
			}
			if name == "scales.npy" {
				assert.Equal(t, read(t, filepath.Join(dir, "whole-scales.scales.npy")), read(t, report.Scales))
			}
		})
	}
}
