package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// pushImages pushes the images of the release in dir to the repository of a registry, as one image of the OCI for all their
// CPUs, under the release's version and, unless that is one before a release, under latest. Who may is
// what docker login has kept.
func pushImages(ctx context.Context, dir, repository string) error {
	to, err := name.NewRepository(repository)
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"+imageSuffix))
	if err != nil || len(paths) == 0 {
		return errors.Join(err, fmt.Errorf("%s: no *%s, expected the folder of a release", dir, imageSuffix))
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	version := ""
	for _, path := range paths {
		opener := func() (io.ReadCloser, error) { return os.Open(path) }
		manifest, err := tarball.LoadManifest(opener)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if len(manifest) != 1 || len(manifest[0].RepoTags) != 1 {
			return fmt.Errorf("%s: expected one image with one tag", path)
		}
		_, version, _ = strings.Cut(manifest[0].RepoTags[0], ":")
		img, file, err := readImage(opener)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: file.OS, Architecture: file.Architecture}},
		})
	}
	tags := []string{version}
	if !strings.Contains(version, "-") {
		tags = append(tags, "latest")
	}
	for _, tag := range tags {
		if err := remote.WriteIndex(to.Tag(tag), index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
			return err
		}
		fmt.Printf("%s\n", to.Tag(tag))
	}
	return nil
}

// readImage returns the image of an archive, which is in Docker's formats, in those of the OCI, and its configuration.
func readImage(archive tarball.Opener) (v1.Image, *v1.ConfigFile, error) {
	from, err := tarball.Image(archive, nil)
	if err != nil {
		return nil, nil, err
	}
	file, err := from.ConfigFile()
	if err != nil {
		return nil, nil, err
	}
	layers, err := from.Layers()
	if err != nil {
		return nil, nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, layer := range layers {
		if img, err = mutate.Append(img, mutate.Addendum{Layer: layer, MediaType: types.OCILayer}); err != nil {
			return nil, nil, err
		}
	}
	img, err = mutate.ConfigFile(img, file)
	return img, file, err
}
