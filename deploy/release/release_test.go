package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/deploy/internal/build"
)

// clone returns a folder with a clone of this repository's commit.
func clone(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	out, err := exec.Command("git", "clone", "-q", "--shared", "../..", dir).CombinedOutput()
	if err != nil {
		t.Skipf("no clone: %s", out)
	}
	return dir
}

// unpack returns the files of an archive, by name.
func unpack(t *testing.T, path string) map[string]file {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	files := map[string]file{}
	if strings.HasSuffix(path, ".zip") {
		r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		require.NoError(t, err)
		for _, f := range r.File {
			in, err := f.Open()
			require.NoError(t, err)
			content, err := io.ReadAll(in)
			require.NoError(t, err)
			files[f.Name] = file{f.Name, f.Mode(), content}
		}
		return files
	}
	z, err := gzip.NewReader(bytes.NewReader(content))
	require.NoError(t, err)
	for r := tar.NewReader(z); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		files[header.Name] = file{header.Name, header.FileInfo().Mode(), content}
	}
}

// A release of this system, from a clone: what is in it, and that it is what the parts say of each other.
func TestRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	here := platform{runtime.GOOS, runtime.GOARCH}
	root, dir := clone(t), t.TempDir()
	assert.ErrorContains(t, write(t.Context(), root, dir, false, []platform{here}), "expected a tag such as v0.1.0")
	require.NoError(t, write(t.Context(), root, dir, true, []platform{here}))

	sums, err := os.ReadFile(filepath.Join(dir, sumsFile))
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	listed := 0
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf("%x", sha256.Sum256(content)), sum, name)
		listed++
	}
	assert.Equal(t, len(entries)-2, listed, "all but itself and the notes")

	archives, err := filepath.Glob(filepath.Join(dir, "rhumb_*_"+here.String()+".*"))
	require.NoError(t, err)
	archive := archives[len(archives)-1] // behind .cdx.json
	base, _, _ := strings.Cut(filepath.Base(archives[0]), ".cdx")
	files := unpack(t, archive)
	command := files[base+"/"+here.command()]
	assert.EqualValues(t, 0o755, command.mode)
	for _, name := range []string{
		"LICENSE", "README.md", "CHANGELOG.md", "THIRD_PARTY_LICENSES", "minilm/LICENSE", "minilm/NOTICE",
		"man/man1/rhumb.1", "man/man1/rhumb-embed.1", "completions/rhumb.bash", "completions/_rhumb", "completions/rhumb.fish", "completions/rhumb.ps1",
	} {
		assert.NotEmpty(t, files[base+"/"+name].content, name)
	}
	licenses := string(files[base+"/THIRD_PARTY_LICENSES"].content)

	var of bill
	content, err := os.ReadFile(archives[0])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &of))
	assert.Equal(t, fmt.Sprintf("%x", sha256.Sum256(command.content)), of.Metadata.Component.Hashes[0].Content)
	assert.Contains(t, of.Components, component{
		Ref: "pkg:golang/std@" + strings.TrimPrefix(runtime.Version(), "go"), Type: "library", Name: "std",
		Version: strings.TrimPrefix(runtime.Version(), "go"), PURL: "pkg:golang/std@" + strings.TrimPrefix(runtime.Version(), "go"),
	})
	for _, c := range of.Components {
		if c.Type == "library" && c.Name != "std" {
			assert.Contains(t, licenses, "=== "+c.Name+" "+c.Version+": ")
		}
	}

	path := filepath.Join(t.TempDir(), here.command())
	require.NoError(t, os.WriteFile(path, command.content, 0o755))
	out, err := exec.Command(path, "version").Output()
	require.NoError(t, err)
	revision := of.Metadata.Component.Properties[0].Value
	assert.Contains(t, string(out), "rhumb "+of.Metadata.Component.Version+" "+revision+"\n")

	assert.ErrorContains(t, write(t.Context(), root, dir, true, []platform{here}), "is not empty")

	again := filepath.Join(t.TempDir(), "rhumb")
	require.NoError(t, build.Binary(t.Context(), clone(t), again, here.os, here.arch, withCommit))
	content, err = os.ReadFile(again)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(command.content, content), "another folder gives the same command")
}

func TestArchive(t *testing.T) {
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	files := []file{{"rhumb", 0o755, []byte("command")}, {"man/man1/rhumb.1", 0o644, []byte("page")}}
	for p, name := range map[platform]string{{"linux", "amd64"}: "a.tar.gz", {"windows", "amd64"}: "a.zip"} {
		content, err := archiveOf("base", p, files, at)
		require.NoError(t, err)
		again, err := archiveOf("base", p, files, at.In(time.FixedZone("", 3600)))
		require.NoError(t, err)
		assert.Equal(t, content, again)
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, content, 0o666))
		assert.Equal(t, map[string]file{
			"base/rhumb":            {"base/rhumb", 0o755, []byte("command")},
			"base/man/man1/rhumb.1": {"base/man/man1/rhumb.1", 0o644, []byte("page")},
		}, unpack(t, path))
	}
}

func TestReleasable(t *testing.T) {
	for version, why := range map[string]string{
		"v0.1.0": "", "v1.20.3-rc.1": "",
		"v0.0.0-20261129120000-1234567890ab": "expected a tag", "v0.1.0+dirty": "expected a tag", "(devel)": "expected a tag",
	} {
		err := (&binary{version: version}).releasable(false)
		if why == "" {
			assert.NoError(t, err, version)
		} else {
			assert.ErrorContains(t, err, why, version)
		}
		assert.NoError(t, (&binary{version: version}).releasable(true), version)
	}
	assert.ErrorContains(t, (&binary{version: "v0.1.0", modified: true}).releasable(false), "has changes")
	assert.Equal(t, "0.1.0", (&binary{version: "v0.1.0+dirty"}).number())
}

func TestNotes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "CHANGELOG.md")
	require.NoError(t, os.WriteFile(path, []byte("# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-24\n\n### Added\n\n- This.\n\n## [0.1.0]\n\n- That.\n"), 0o666))
	notes, err := notesOf(path, "0.2.0", false)
	require.NoError(t, err)
	assert.Equal(t, "### Added\n\n- This.\n", string(notes))
	_, err = notesOf(path, "0.1.0", false)
	assert.ErrorContains(t, err, "expected its day")
	_, err = notesOf(path, "0.3.0", false)
	assert.ErrorContains(t, err, `no heading of version 0.3.0, expected "## [0.3.0] - 2006-01-02"`)
	_, err = notesOf(path, "0.3.0", true)
	assert.NoError(t, err)
}

func TestFormula(t *testing.T) {
	sums := map[string]string{"darwin_arm64": "aa", "darwin_amd64": "bb", "linux_arm64": "cc", "linux_amd64": "dd", "windows_amd64": "ee"}
	text := string(formula("0.1.0", sums))
	for p, sum := range sums {
		if strings.HasPrefix(p, "windows") {
			assert.NotContains(t, text, p)
			continue
		}
		assert.Contains(t, text, "/v0.1.0/rhumb_0.1.0_"+p+".tar.gz\"\n      sha256 \""+sum+"\"\n")
	}
	// Every block ends.
	opened := strings.Count(text, " do\n") + strings.Count(text, "class ") + strings.Count(text, "def ")
	assert.Equal(t, opened, strings.Count(text, "end\n"))
}

// What a module's files say of its license is taken from the package's folder up.
func TestLicenses(t *testing.T) {
	top := t.TempDir()
	inner := filepath.Join(top, "a", "b")
	require.NoError(t, os.MkdirAll(inner, 0o777))
	found := map[string]string{}
	assert.ErrorContains(t, addLicenses(found, "m v1", top, inner), "m v1: no license found")
	for _, name := range []string{"LICENSE", "a/COPYING.txt", "a/b/notice.md", "a/license.go", "a/licenses.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(top, filepath.FromSlash(name)), []byte(name), 0o666))
	}
	require.NoError(t, os.Mkdir(filepath.Join(top, "a", "LICENSE"), 0o777))
	require.NoError(t, addLicenses(found, "m v1", top, inner))
	assert.Len(t, found, 3)
	assert.Equal(t, filepath.Join(inner, "notice.md"), found["m v1: a/b/notice.md"])
}

// The images of a release are one image of a registry.
func TestPush(t *testing.T) {
	dir := t.TempDir()
	assert.ErrorContains(t, pushImages(t.Context(), dir, "localhost/rhumb"), "expected the folder of a release")
	for _, arch := range []string{"amd64", "arm64"} {
		b := &binary{content: []byte("command for " + arch), version: "v0.1.0"}
		require.NoError(t, writeImage(filepath.Join(dir, arch+imageSuffix), b, platform{"linux", arch}))
	}
	server := httptest.NewServer(registry.New())
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/rhumb"
	require.NoError(t, pushImages(t.Context(), dir, repository))
	for _, tag := range []string{"0.1.0", "latest"} {
		ref, err := name.ParseReference(repository + ":" + tag)
		require.NoError(t, err)
		index, err := remote.Index(ref)
		require.NoError(t, err)
		manifest, err := index.IndexManifest()
		require.NoError(t, err)
		var found []string
		for _, m := range manifest.Manifests {
			found = append(found, m.Platform.String())
			assert.Equal(t, types.OCIManifestSchema1, m.MediaType)
			img, err := index.Image(m.Digest)
			require.NoError(t, err)
			require.NoError(t, validate.Image(img))
			manifest, err := img.Manifest()
			require.NoError(t, err)
			assert.Equal(t, types.OCIConfigJSON, manifest.Config.MediaType)
			require.Len(t, manifest.Layers, 3)
			for _, layer := range manifest.Layers {
				assert.Equal(t, types.OCILayer, layer.MediaType)
			}
			file, err := img.ConfigFile()
			require.NoError(t, err)
			assert.Equal(t, []string{"/rhumb"}, file.Config.Entrypoint)
		}
		assert.Equal(t, []string{"linux/amd64", "linux/arm64"}, found)
	}
}
