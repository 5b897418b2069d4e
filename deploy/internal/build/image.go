// Command deploy writes an image of rhumb for containers, the one that the Dockerfile
// describes, without Docker: an archive that docker load, podman load and others read.
//
//	go run . rhumb.tar
package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

func main() {
	arch := flag.String("arch", runtime.GOARCH, "`CPU` that the image is for, as Go calls it")
	tag := flag.String("tag", "rhumb:latest", "`NAME` of the image")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintf(os.Stderr, "deploy: found %d arguments, expected the file to write\n", flag.NArg())
		os.Exit(2)
	}
	if err := write(context.Background(), flag.Arg(0), *tag, *arch); err != nil {
		fmt.Fprintln(os.Stderr, "deploy:", err)
		os.Exit(1)
	}
}

// write writes the image to the file path.
func write(ctx context.Context, path, tag, arch string) error {
	ref, err := name.NewTag(tag)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rhumb")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "rhumb")
	if err := build(ctx, binary, arch); err != nil {
		return err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	img, err := assemble(content, arch)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(path, ref, img)
}

// build builds the command of the repository in the folder above.
func build(ctx context.Context, path, arch string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/rhumb")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// user is who runs in the image: nobody that has a name, and not root.
const user = 65532

// assemble returns the image with that binary. The same binary makes the same image.
func assemble(binary []byte, arch string) (v1.Image, error) {
	files := []struct {
		header  tar.Header
		content []byte
	}{
		{tar.Header{Name: "etc/ssl/certs/ca-certificates.crt", Mode: 0o644}, certificates()},
		{tar.Header{Name: "cache/", Mode: 0o755, Uid: user, Gid: user, Typeflag: tar.TypeDir}, nil},
		{tar.Header{Name: "rhumb", Mode: 0o755}, binary},
	}
	img := empty.Image
	for _, f := range files {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		f.header.Size = int64(len(f.content))
		if err := w.WriteHeader(&f.header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(b.Bytes())), nil
		})
		if err != nil {
			return nil, err
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			return nil, err
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", arch
	file.Config = v1.Config{
		User:         fmt.Sprintf("%d:%d", user, user),
		Env:          []string{"RHUMB_ADDR=:8080", "XDG_CACHE_HOME=/cache"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Entrypoint:   []string{"/rhumb"},
		Cmd:          []string{"serve"},
		Labels:       map[string]string{"org.opencontainers.image.source": "https://github.com/rhumb-go/rhumb"},
	}
	return mutate.ConfigFile(img, file)
}

// certificates returns the roots that Mozilla trusts, in PEM, for downloads by HTTPS.
func certificates() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // to memory
	}
	return b.Bytes()
}
