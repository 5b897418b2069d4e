package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"debug/elf"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// written is the image as the command writes it, once for all tests.
var written = sync.OnceValues(func() (v1.Image, error) {
	dir, err := os.MkdirTemp("", "rhumb")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "rhumb.tar")
	if err := write(context.Background(), path, "rhumb:test", runtime.GOARCH); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }, nil)
})

func image(t *testing.T) (v1.Image, v1.Config) {
	t.Helper()
	img, err := written()
	require.NoError(t, err)
	file, err := img.ConfigFile()
	require.NoError(t, err)
	return img, file.Config
}

// A file is one of an image.
type file struct {
	tar.Header
	content []byte
}

// files returns what a container of the image sees.
func files(t *testing.T, img v1.Image) map[string]file {
	content := mutate.Extract(img)
	defer content.Close()
	list := map[string]file{}
	for r := tar.NewReader(content); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		list[strings.TrimSuffix(header.Name, "/")] = file{*header, content}
	}
}

// binary returns the path of the image's command.
func binary(t *testing.T) string {
	img, _ := image(t)
	path := filepath.Join(t.TempDir(), "rhumb")
	require.NoError(t, os.WriteFile(path, files(t, img)["rhumb"].content, 0o755))
	return path
}

func TestImage(t *testing.T) {
	img, config := image(t)
	require.NoError(t, validate.Image(img), "layers have the sums that the configuration says")
	platform, err := img.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, "linux/"+runtime.GOARCH, platform.OS+"/"+platform.Architecture)
	assert.Equal(t, "65532:65532", config.User)
	assert.Equal(t, []string{"/rhumb"}, config.Entrypoint)
	assert.Equal(t, []string{"serve"}, config.Cmd)

	list := files(t, img)
	require.Len(t, list, 3)
	assert.EqualValues(t, 0o755, list["rhumb"].Mode)
	assert.Equal(t, 65532, list["cache"].Uid)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(list["etc/ssl/certs/ca-certificates.crt"].content))

	command, err := elf.NewFile(bytes.NewReader(list["rhumb"].content))
	require.NoError(t, err)
	for _, part := range command.Progs {
		assert.NotEqual(t, elf.PT_INTERP, part.Type, "no interpreter: static")
	}
	libraries, err := command.ImportedLibraries()
	require.NoError(t, err)
	assert.Empty(t, libraries)
	assert.Nil(t, command.Section(".symtab"), "stripped")
	assert.Nil(t, command.Section(".debug_info"), "stripped")
	here, err := filepath.Abs("..")
	require.NoError(t, err)
	assert.False(t, bytes.Contains(list["rhumb"].content, []byte(here)), "paths of the machine that built it")
}

// The Dockerfile and this program make one image.
func TestDockerfile(t *testing.T) {
	content, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	building, final, found := strings.Cut(string(content), "\nFROM scratch\n")
	require.True(t, found)
	assert.Contains(t, building, `CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w" -o /rhumb ./cmd/rhumb`)
	_, config := image(t)
	want := map[string][]string{
		"ENV": config.Env, "USER": {config.User}, "EXPOSE": {"8080"},
		"ENTRYPOINT": {`["` + config.Entrypoint[0] + `"]`}, "CMD": {`["` + config.Cmd[0] + `"]`},
	}
	got := map[string][]string{}
	var copied []string
	for line := range strings.Lines(final) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if instruction == "COPY" {
			copied = append(copied, rest[strings.LastIndex(rest, " ")+2:])
			continue
		}
		got[instruction] = append(got[instruction], rest)
	}
	assert.Equal(t, want, got)
	assert.Contains(t, config.ExposedPorts, "8080/tcp")
	img, _ := image(t)
	for name := range files(t, img) {
		assert.Contains(t, copied, name)
	}
	assert.Len(t, copied, 3)
}

// A container, as far as a root folder, a user and an environment make one.
func TestImageRuns(t *testing.T) {
	img, config := image(t)
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	for name, f := range files(t, img) {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if f.Typeflag == tar.TypeDir {
			require.NoError(t, os.Mkdir(path, f.FileInfo().Mode().Perm()))
		} else {
			require.NoError(t, os.WriteFile(path, f.content, f.FileInfo().Mode().Perm()))
		}
	}
	cmd := exec.Command(config.Entrypoint[0], config.Cmd...)
	cmd.Env = append(config.Env, "RHUMB_ADDR=127.0.0.1:0", "RHUMB_DRAIN_DELAY=0s")
	cmd.Dir = "/"
	enter(t, cmd, root)
	end := start(t, cmd)
	end()
}

// start runs a service, asks whether it is ready, and returns what ends it.
func start(t *testing.T, cmd *exec.Cmd) (end func()) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the image is for Linux")
	}
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	var said []string
	url := ""
	timeout := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timeout.Stop()
	lines := bufio.NewScanner(stderr)
	for url == "" && lines.Scan() {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), "ready") {
			url = regexp.MustCompile(`http://[^ "]+`).FindString(lines.Text())
		}
	}
	require.NotEmpty(t, url, "%s", strings.Join(said, "\n"))
	resp, err := http.Get(url + "/ready")
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
	return func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		for lines.Scan() {
		}
		require.NoError(t, cmd.Wait())
	}
}
