package embedhttp

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseKeys returns the keys that a file of rhumb serve --api-keys has: one a line, and
// behind it what it is called and may do, each where it is wanted:
//
//	KEY name=team-a tokens-per-minute=1000000 concurrent=8
//
// Empty lines and those that begin with # are passed over, and so is a byte order mark. An
// error names the line, and never the key.
func ParseKeys(content []byte) ([]Key, error) {
	var keys []Key
	lines, places := map[string]int{}, map[string]int{} // of each key: where it was read, and its place in keys
	n := 0
	for line := range strings.Lines(string(bytes.TrimPrefix(content, []byte("\ufeff")))) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, err := parseKey(line)
		if err == nil {
			err = key.check()
		}
		if at, twice := places[key.Key]; err == nil && twice && keys[at] != key {
			err = fmt.Errorf("%w, in line %d", errTwice, lines[key.Key])
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if lines[key.Key] == 0 {
			lines[key.Key], places[key.Key] = n, len(keys)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("no API keys, expected one a line")
	}
	return keys, nil
}

// keySettings is where the settings behind a key begin.
var keySettings = regexp.MustCompile(`[ \t]+[a-z-]+=`)

// parseKey reads a line, which is not empty and has no space around it.
func parseKey(line string) (k Key, err error) {
	if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
		return k, errors.New("a character that no request can send, expected text in UTF-8")
	}
	k.Key = line
	var settings []string
	if at := keySettings.FindStringIndex(line); at != nil {
		k.Key, settings = line[:at[0]], strings.Fields(line[at[0]:])
	}
	given := map[string]bool{}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		if given[name] {
			return k, fmt.Errorf("%s is there twice", name)
		}
		given[name] = true
		switch name {
		case "name":
			k.Name = value
		case "tokens-per-minute":
			k.TokensPerMinute, err = strconv.Atoi(value)
		case "concurrent":
			k.Concurrent, err = strconv.Atoi(value)
		default:
			return k, fmt.Errorf("unknown setting %.50q behind a key, expected name=, tokens-per-minute= or concurrent=", name)
		}
		if err != nil || value == "" || value == "0" {
			return k, fmt.Errorf("%s is %.50q, expected %s", name, value, map[bool]string{true: "a name", false: "a whole number, 1 or more"}[name == "name"])
		}
	}
	if name, _, _ := strings.Cut(k.Key, "="); name == "name" || name == "tokens-per-minute" || name == "concurrent" {
		return k, fmt.Errorf("it begins with %s=, expected the key before it", name)
	}
	return k, nil
}
