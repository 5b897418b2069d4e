// Command release writes what a release of rhumb consists of into a folder: an archive of the command for each
// system, with manual pages and completions, its bill of materials, images for containers, a formula
// for Homebrew, the sums of all, and the notes. The same commit and version of Go give the same bytes.
//
//	go run ./release ../dist                      # of a commit with a tag such as v0.1.0
//	go run ./release -snapshot ../dist            # of any other one
//	go run ./release -push NAME ../dist           # its images, as one for both CPUs, to a registry
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/rhumb-go/rhumb/deploy/internal/build"
)

// A platform is a system that the command is built for.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "_" + p.arch }

var platforms = []platform{{"darwin", "amd64"}, {"darwin", "arm64"}, {"linux", "amd64"}, {"linux", "arm64"}, {"windows", "amd64"}}

const (
	sumsFile  = "SHA256SUMS" // the sum of every other file of a release, as sha256sum -c reads it
	notesFile = "NOTES.md"   // what a release's page says; not a file of it
)

// withCommit has the go command record the commit in what it builds, whatever GOFLAGS say.
const withCommit = "-buildvcs=true"

func main() {
	snapshot := flag.Bool("snapshot", false, "take a commit without a tag, or with changes")
	push := flag.String("push", "", "push the images of the folder as `NAME`, build nothing")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintf(os.Stderr, "release: found %d arguments, expected the folder of the release\n", flag.NArg())
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *push != "" {
		err = pushImages(ctx, flag.Arg(0), *push)
	} else {
		err = write(ctx, "..", flag.Arg(0), *snapshot, platforms)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// write writes the release of the repository in root into dir, which is not there yet or empty, for
// the platforms of list.
func write(ctx context.Context, root, dir string, snapshot bool, list []platform) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s: is not empty", dir)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "rhumb-release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	built := map[platform]*binary{}
	var first *binary
	var notes []byte
	for _, p := range list {
		path := filepath.Join(work, p.String())
		if err := build.Binary(ctx, root, path, p.os, p.arch, withCommit); err != nil {
			return fmt.Errorf("%v: %w", p, err)
		}
		if built[p], err = readBinary(path); err != nil {
			return fmt.Errorf("%v: %w", p, err)
		}
		if first != nil {
			continue
		}
		first = built[p]
		if err := first.releasable(snapshot); err != nil {
			return err
		}
		if notes, err = notesOf(filepath.Join(root, "CHANGELOG.md"), first.number(), snapshot); err != nil {
			return err
		}
	}
	files, err := commonFiles(ctx, root, work)
	if err != nil {
		return err
	}
	sums := map[string]string{} // of archives
	for _, p := range list {
		b := built[p]
		base := fmt.Sprintf("rhumb_%s_%v", first.number(), p)
		archive := base + ".tar.gz"
		content, err := archiveOf(base, p, append([]file{{p.command(), 0o755, b.content}}, files...), b.time)
		if err != nil {
			return err
		}
		if p.os == "windows" {
			archive = base + ".zip"
		}
		sums[p.String()] = fmt.Sprintf("%x", sha256.Sum256(content))
		bill, err := b.bill(p)
		if err != nil {
			return err
		}
		if err := errors.Join(
			os.WriteFile(filepath.Join(dir, archive), content, 0o666),
			os.WriteFile(filepath.Join(dir, base+".cdx.json"), bill, 0o666),
		); err != nil {
			return err
		}
		if p.os == "linux" {
			if err := writeImage(filepath.Join(dir, base+imageSuffix), b, p); err != nil {
				return err
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "rhumb.rb"), formula(first.number(), sums), 0o666); err != nil {
		return err
	}
	if err := writeSums(dir); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, notesFile), notes, 0o666)
}

func (p platform) command() string {
	if p.os == "windows" {
		return "rhumb.exe"
	}
	return "rhumb"
}

// imageSuffix ends the names of images' archives.
const imageSuffix = "_image.tar"

func writeImage(path string, b *binary, p platform) error {
	img, err := build.Image(b.content, p.arch)
	if err != nil {
		return err
	}
	tag, err := name.NewTag("rhumb:" + strings.ReplaceAll(b.number(), "+", "-"))
	if err != nil {
		return err
	}
	return tarball.WriteToFile(path, tag, img)
}

// writeSums writes the sums of all files of dir beside them.
func writeSums(dir string) error {
	entries, err := os.ReadDir(dir) // by name
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), e.Name())
	}
	return os.WriteFile(filepath.Join(dir, sumsFile), sums.Bytes(), 0o666)
}

// notesOf returns what the changelog says of a version: the lines below its heading. For a snapshot it may have
// none.
func notesOf(path, version string, snapshot bool) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	heading := "\n## [" + version + "]"
	_, rest, found := strings.Cut(string(content), heading)
	if !found {
		if snapshot {
			return []byte("A snapshot, no release.\n"), nil
		}
		return nil, fmt.Errorf("%s: no heading of version %s, expected %q", path, version, strings.TrimSpace(heading)+" - "+time.DateOnly)
	}
	day, rest, _ := strings.Cut(rest, "\n")
	if _, err := time.Parse(" - "+time.DateOnly, day); err != nil && !snapshot {
		return nil, fmt.Errorf("%s: version %s: found %q, expected its day, as in \" - %s\"", path, version, day, time.DateOnly)
	}
	notes, _, _ := strings.Cut(rest, "\n## ")
	return []byte(strings.TrimSpace(notes) + "\n"), nil
}
