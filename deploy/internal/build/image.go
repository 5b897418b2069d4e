package build

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// User is who runs in the image: nobody that has a name, and not root.
const User = 65532

// Image returns the image with that binary, for a CPU as Go calls it. The same binary makes the same image.
func Image(binary []byte, arch string) (v1.Image, error) {
	files := []struct {
		header  tar.Header
		content []byte
	}{
		{tar.Header{Name: "etc/ssl/certs/ca-certificates.crt", Mode: 0o644}, certificates()},
		{tar.Header{Name: "cache/", Mode: 0o755, Uid: User, Gid: User, Typeflag: tar.TypeDir}, nil},
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
		User:         fmt.Sprintf("%d:%d", User, User),
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
