// Package gitignore says which files the patterns of a .gitignore file leave out.
package gitignore

import (
	"bytes"
	"slices"
	"strings"
)

// Rules are the patterns of one file, in its order, as gitignore(5) of git 2.39 says what
// they mean. Names are bytes, as they are to git. The one difference is that two stars
// behind the literal beginning of a pattern (a**/b) are a star, as the manual says.
type Rules []pattern

// A pattern is one line.
type pattern struct {
	negated  bool      // what matches is not left out
	folders  bool      // matches folders alone
	base     bool      // has no slash: matches the last name of a path
	segments []segment // of the names of a path, one behind the other
}

// Parse returns the rules of a file of that content. A pattern that can match nothing, such
// as one with a bracket that does not close, is none.
func Parse(data []byte) Rules {
	var rules Rules
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for line := range bytes.Lines(data) {
		if whole, ok := bytes.CutSuffix(line, []byte("\n")); ok {
			line = bytes.TrimSuffix(whole, []byte("\r"))
		}
		if p, ok := parse(string(line)); ok {
			rules = append(rules, p)
		}
	}
	return rules
}

// parse returns the pattern of a line, if there is one.
func parse(line string) (p pattern, ok bool) {
	if strings.HasPrefix(line, "#") {
		return p, false
	}
	line = trim(line)
	line, p.negated = strings.CutPrefix(line, "!")
	line, p.folders = strings.CutSuffix(line, "/")
	p.base = !strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return p, false
	}
	names := strings.Split(line, "/")
	for i, name := range names {
		if !p.base && len(name) > 1 && strings.Trim(name, "*") == "" {
			if i == len(names)-1 { // at least one name is below a folder
				p.segments = append(p.segments, segment{tokens: []token{{star: true}}})
			}
			p.segments = append(p.segments, segment{names: true})
			continue
		}
		s, ok := parseSegment(name)
		if !ok {
			return p, false
		}
		p.segments = append(p.segments, s)
	}
	return p, true
}

// trim returns line without the spaces at its end, but for one behind a backslash.
func trim(line string) string {
	end := 0
	for i := 0; i < len(line); i++ {
		if line[i] == ' ' {
			continue
		}
		if line[i] == '\\' {
			i++
		}
		end = min(i+1, len(line))
	}
	return line[:end]
}

// Match reports whether the rules have a pattern that path matches, and whether it is left
// out by the last of those. path is relative to the folder of the rules, with slashes, and
// the path of a folder where folder is true. What is below a folder that is left out is so
// too, which is for the caller to see to.
func (r Rules) Match(path string, folder bool) (out, known bool) {
	base := path[strings.LastIndexByte(path, '/')+1:]
	var names []string
	for _, p := range slices.Backward(r) {
		switch {
		case p.folders && !folder:
		case p.base:
			if p.segments[0].match(base) {
				return !p.negated, true
			}
		default:
			if names == nil {
				names = strings.Split(path, "/")
			}
			if matchNames(p.segments, names) {
				return !p.negated, true
			}
		}
	}
	return false, false
}

// matchNames reports whether the segments match all names. Where a segment does not match,
// the last one of any number of names takes one more.
func matchNames(segments []segment, names []string) bool {
	s, star, from := 0, -1, 0
	for i := 0; i < len(names); {
		switch {
		case s < len(segments) && segments[s].names:
			star, from = s, i
			s++
		case s < len(segments) && segments[s].match(names[i]):
			s++
			i++
		case star >= 0:
			from++
			s, i = star+1, from
		default:
			return false
		}
	}
	for s < len(segments) && segments[s].names {
		s++
	}
	return s == len(segments)
}
