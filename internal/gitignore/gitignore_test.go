package gitignore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		name   string
		rules  string
		path   string
		folder bool
		out    bool
		known  bool
	}{
		{"a name in any folder", "build", "a/build", true, true, true},
		{"a name at the top alone", "/build", "a/build", true, false, false},
		{"a slash inside anchors", "doc/a", "x/doc/a", false, false, false},
		{"a folder, not a file", "build/", "build", false, false, false},
		{"a folder", "build/", "a/build", true, true, true},
		{"a star stops at a slash", "a/*", "a/b/c", false, false, false},
		{"two stars in front", "**/a", "a", false, true, true},
		{"two stars in between", "a/**/b", "a/x/y/b", false, true, true},
		{"none in between", "a/**/b", "a/b", false, true, true},
		{"all in a folder", "a/**", "a/b/c", false, true, true},
		{"not the folder itself", "a/**", "a", true, false, false},
		{"the last counts", "*.go\n!keep.go", "keep.go", false, false, true},
		{"the last counts, the other way", "!keep.go\n*.go", "keep.go", false, true, true},
		{"a comment", "#a", "#a", false, false, false},
		{"an escaped comment", `\#a`, "#a", false, true, true},
		{"an escaped negation", `\!a`, "!a", false, true, true},
		{"spaces at the end", "a  ", "a", false, true, true},
		{"an escaped space", `a\ `, "a ", false, true, true},
		{"a class", "[a-c]x", "bx", false, true, true},
		{"a class that is negated", "[!a-c]x", "bx", false, false, false},
		{"a bracket in a class", "[]a]x", "]x", false, true, true},
		{"a class of POSIX", "[[:digit:]x]", "7", false, true, true},
		{"a bracket that does not close", "[ab", "[ab", false, false, false},
		{"a backslash at the end", `a\`, `a\`, false, false, false},
		{"lines of Windows", "a\r\nb\r\n", "b", false, true, true},
		{"a byte order mark", "\ufeffa", "a", false, true, true},
		{"only a slash", "/", "a", true, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, known := Parse([]byte(test.rules)).Match(test.path, test.folder)
			assert.Equal(t, test.out, out)
			assert.Equal(t, test.known, known)
		})
	}
}

// git says the same of random patterns.
func TestGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git: ", err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	join := func(most int, part func() string) string {
		var b strings.Builder
		for range 1 + r.IntN(most) {
			b.WriteString(part())
		}
		return b.String()
	}
	dir := t.TempDir()
	git := func(stdin string, args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "core.excludesFile="}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+dir, "LC_ALL=C")
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.Output()
		if exit, ok := err.(*exec.ExitError); ok {
			require.Equal(t, 1, exit.ExitCode(), "%s", exit.Stderr) // nothing is ignored
		} else {
			require.NoError(t, err)
		}
		return string(out)
	}
	git("", "init", "-q")
	var paths []string // of files; a folder has no other parents than files have
	for len(paths) < 80 {
		p := join(3, func() string { return pick("a", "b", "c.go", "é", "x]", "a-", "1 ") + "/" }) + pick("f", "g.go", "a", "b1", "-", "]", `\`)
		full := filepath.Join(dir, filepath.FromSlash(p))
		if os.MkdirAll(filepath.Dir(full), 0o777) == nil && os.WriteFile(full, nil, 0o666) == nil {
			paths = append(paths, p)
		}
	}
	for range 150 {
		rules := join(5, func() string {
			pattern := join(4, func() string {
				return pick("a", "b", "c", "f", "g", ".go", "*", "?", "/", "/", "/**", "/**/", "[a-c]", "[!a]", "[]x]", `\]`, "[[:alpha:]]", "é", "[b-", "- ", `\ `)
			})
			return pick("", "", "", "!", "/", "**/") + pattern + pick("", "", "/", " ") + "\n"
		})
		if quirk(rules) {
			continue
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".gitignore"), []byte(rules), 0o666))
		out := map[string]bool{}
		for p := range strings.SplitSeq(git(strings.Join(paths, "\x00")+"\x00", "check-ignore", "--no-index", "-z", "--stdin"), "\x00") {
			out[p] = true
		}
		parsed := Parse([]byte(rules))
		for _, p := range paths {
			assert.Equal(t, out[p], leftOut(parsed, p), "%q of %q", p, rules)
		}
	}
}

// quirk reports whether a line has two stars right behind a literal beginning, or between
// other characters: git takes the first for any number of names.
func quirk(rules string) bool {
	for line := range strings.Lines(rules) {
		for i := 1; i+1 < len(line); i++ {
			if line[i:i+2] == "**" && line[i-1] != '/' {
				return true
			}
		}
	}
	return false
}

// leftOut reports whether a file or a folder that it is in is left out.
func leftOut(r Rules, file string) bool {
	for at := range len(file) {
		if file[at] == '/' {
			if out, _ := r.Match(file[:at], true); out {
				return true
			}
		}
	}
	out, _ := r.Match(file, false)
	return out
}

func FuzzMatch(f *testing.F) {
	f.Add([]byte("*.go\n!a/**/b[!x]\\\n"), "a/b/c.go")
	f.Fuzz(func(t *testing.T, rules []byte, name string) {
		parsed := Parse(rules)
		out, known := parsed.Match(name, true)
		assert.False(t, out && !known)
		assert.LessOrEqual(t, len(parsed), bytes.Count(rules, []byte("\n"))+1)
	})
}

// A pattern with many stars takes no longer than its length times the name's.
func BenchmarkStars(b *testing.B) {
	r := Parse([]byte(strings.Repeat("*a", 1000) + "b\n/" + strings.Repeat("**/a/", 1000) + "b"))
	name := strings.Repeat("a", 250)
	long := strings.TrimSuffix(strings.Repeat("a/", 250), "/")
	for b.Loop() {
		r.Match(path.Join(long, name), false)
	}
}

func ExampleRules_Match() {
	rules := Parse([]byte("*.log\n!keep.log\n"))
	fmt.Println(rules.Match("old.log", false))
	fmt.Println(rules.Match("keep.log", false))
	// Output:
	// true true
	// false true
}
