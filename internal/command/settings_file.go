package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// An entry is what a file says of a flag.
type entry struct {
	flag   *pflag.Flag
	place  string // file:line
	values []string
}

// readSettings reads a file of settings.
func readSettings(file string, flags *pflag.FlagSet) ([]entry, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseSettings(file, content, flags)
}

// parseSettings reads the content of a file of settings: one document in YAML, a mapping of
// the names of flags, without dashes before them, to what they take. A flag that may be
// given more than once takes a list. An unknown key, one that is there twice and a value of
// another type than the flag's are errors. An empty file has no settings.
func parseSettings(file string, content []byte, flags *pflag.FlagSet) ([]entry, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, syntaxError(file, err)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, fmt.Errorf("%s:%d: found a second document, expected one", file, second.Line)
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(file, err)
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	root := document.Content[0]
	switch {
	case root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null":
		return nil, nil
	case root.Kind != yaml.MappingNode:
		return nil, fmt.Errorf("%s:%d: found %s, expected lines of the form 'flag: value'", file, root.Line, nodeText(root))
	}
	var entries []entry
	lines := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		flag := flags.Lookup(key.Value)
		switch {
		case key.Kind != yaml.ScalarNode || flag == nil || !isSetting(flag.Name):
			return nil, fmt.Errorf("%s:%d: unknown key %.100q, expected the name of a flag that --help lists, without the dashes before it", file, key.Line, key.Value)
		case flag.Name == "config":
			return nil, fmt.Errorf("%s:%d: %s: a file cannot name another one", file, key.Line, flag.Name)
		case lines[flag.Name] != 0:
			return nil, fmt.Errorf("%s:%d: %s: found twice, first in line %d", file, key.Line, flag.Name, lines[flag.Name])
		}
		lines[flag.Name] = key.Line
		values, wrong := valuesOf(flag, value)
		if wrong != nil {
			expected, known := expectation(flag)
			switch {
			case !known:
				expected = flag.Value.Type()
			case expected == "a text" && wrong.Kind == yaml.ScalarNode && wrong.ShortTag() != "!!null":
				expected += ", with quotes around it"
			}
			return nil, fmt.Errorf("%s:%d: %s: found %s, expected %s", file, max(wrong.Line, key.Line), flag.Name, nodeText(wrong), expected)
		}
		entries = append(entries, entry{flag, fmt.Sprintf("%s:%d", file, key.Line), values})
	}
	return entries, nil
}

// valuesOf returns what a flag is to be set to, or the node that is not of its type.
func valuesOf(flag *pflag.Flag, node *yaml.Node) (values []string, wrong *yaml.Node) {
	node = resolved(node)
	if !isList(flag) {
		if !suits(flag, node) {
			return nil, node
		}
		return []string{node.Value}, nil
	}
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		return nil, node
	}
	for _, element := range node.Content {
		element = resolved(element)
		if element.Kind != yaml.ScalarNode || element.ShortTag() != "!!str" {
			return nil, element
		}
		values = append(values, element.Value)
	}
	return values, nil
}

// resolved returns what an alias stands for.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// suits reports whether node is a scalar of the type of flag.
func suits(flag *pflag.Flag, node *yaml.Node) bool {
	if node.Kind != yaml.ScalarNode {
		return false
	}
	tag := node.ShortTag()
	switch strings.TrimRight(flag.Value.Type(), "0123456789") {
	case "bool":
		return tag == "!!bool"
	case "int", "uint", "count":
		return tag == "!!int"
	case "float":
		return tag == "!!int" || tag == "!!float"
	case "string", "duration":
		return tag == "!!str"
	}
	return tag == "!!str" || tag == "!!int" || tag == "!!float" // and the flag itself judges
}

// nodeText says what a node is.
func nodeText(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		if len(node.Content) == 0 {
			return "an empty list"
		}
		return "a list"
	}
	kind := map[string]string{"!!null": "nothing", "!!bool": "the boolean", "!!int": "the number", "!!float": "the number", "!!str": "the text"}[node.ShortTag()]
	switch kind {
	case "nothing":
		return kind
	case "":
		kind = "the value"
	case "the text":
		return fmt.Sprintf("%s %.100q", kind, node.Value)
	}
	return fmt.Sprintf("%s %.100s", kind, node.Value)
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// syntaxError makes an error of the YAML library begin with the file and the line.
func syntaxError(file string, err error) error {
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s:%s: %s", file, m[1], strings.TrimPrefix(text, m[0]))
	}
	return fmt.Errorf("%s: %s", file, strings.TrimPrefix(text, "yaml: "))
}
