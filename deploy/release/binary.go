package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/module"
)

// A binary is the command as it was built, and what it says of that.
type binary struct {
	content  []byte
	version  string // v0.1.0
	revision string
	time     time.Time // of the commit
	modified bool
	goes     string // the version of Go
	modules  []dependency
}

type dependency struct{ path, version string }

func readBinary(path string) (*binary, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	b := &binary{content: content, version: info.Main.Version, goes: strings.TrimPrefix(info.GoVersion, "go")}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.revision = s.Value
		case "vcs.time":
			if b.time, err = time.Parse(time.RFC3339, s.Value); err != nil {
				return nil, err
			}
		case "vcs.modified":
			b.modified = s.Value == "true"
		}
	}
	if b.revision == "" || b.time.IsZero() {
		return nil, errors.New("built without a commit, expected a clone of the repository, with git")
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.modules = append(b.modules, dependency{m.Path, m.Version})
	}
	return b, nil
}

// number is the version without its v, and without what Go adds for changes.
func (b *binary) number() string {
	number, _, _ := strings.Cut(strings.TrimPrefix(b.version, "v"), "+")
	return number
}

var tagged = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[a-z]+\.\d+)?$`)

// releasable returns why a release may not be made of this commit, nil where it may.
func (b *binary) releasable(snapshot bool) error {
	switch {
	case snapshot:
		return nil
	case b.modified:
		return fmt.Errorf("commit %s has changes; -snapshot takes them along", b.revision)
	case module.IsPseudoVersion(b.version) || !tagged.MatchString(b.version):
		return fmt.Errorf("commit %s has the version %s, expected a tag such as v0.1.0 or v0.1.0-rc.1; -snapshot does without", b.revision, b.version)
	}
	return nil
}

// A bill is a bill of materials in CycloneDX 1.6.
type bill struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
	Depends    []depends   `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Ref        string     `json:"bom-ref"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licenses   []licensed `json:"licenses,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licensed struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type depends struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

const modulePath = "github.com/rhumb-go/rhumb"

// bill returns the bill of materials of the binary, from what it says itself: the modules that
// are linked into it, the standard library, and the model inside.
func (b *binary) bill(p platform) ([]byte, error) {
	apache := licensed{}
	apache.License.ID = "Apache-2.0"
	of := func(kind, path, version string) component {
		url := fmt.Sprintf("pkg:golang/%s@%s", path, strings.ReplaceAll(version, "+", "%2B"))
		return component{Ref: url, Type: kind, Name: path, Version: version, PURL: url}
	}
	main := of("application", modulePath, b.version)
	main.Ref += "#cmd/rhumb"
	main.PURL = fmt.Sprintf("%s?goarch=%s&goos=%s#cmd/rhumb", main.PURL, p.arch, p.os)
	main.Hashes = []hash{{"SHA-256", fmt.Sprintf("%x", sha256.Sum256(b.content))}}
	main.Licenses = []licensed{apache}
	main.Properties = []property{{"vcs.revision", b.revision}, {"vcs.modified", fmt.Sprint(b.modified)}}

	list := []component{of("library", "std", b.goes)}
	for _, m := range b.modules {
		list = append(list, of("library", m.path, m.version))
	}
	list = append(list, component{
		Ref: "minilm", Type: "machine-learning-model", Name: "sentence-transformers/all-MiniLM-L6-v2",
		Licenses: []licensed{apache}, PURL: "pkg:huggingface/sentence-transformers/all-MiniLM-L6-v2",
	})
	on := depends{Ref: main.Ref}
	for _, c := range list {
		on.On = append(on.On, c.Ref)
	}
	content, err := json.MarshalIndent(bill{
		"CycloneDX", "1.6", 1, metadata{b.time.Format(time.RFC3339), main}, list, []depends{on},
	}, "", "  ")
	return append(content, '\n'), err
}
