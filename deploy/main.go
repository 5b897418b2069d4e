// Command deploy writes an image of rhumb for containers, the one that the Dockerfile
// describes, without Docker: an archive that docker load, podman load and others read.
//
//	go run . rhumb.tar
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/rhumb-go/rhumb/deploy/internal/build"
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
	if err := build.Binary(ctx, "..", binary, "linux", arch); err != nil {
		return err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	img, err := build.Image(content, arch)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(path, ref, img)
}
