package embedhttp

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"strconv"
	"strings"
)

//go:embed openapi.json
var openapi string

// describe returns openapi.json with the paths of all dialects and the limits of h.
func (h *Handler) describe() ([]byte, error) {
	items := `"maxItems": ` + strconv.Itoa(DefaultMaxItems)
	chars := `"maxLength": ` + strconv.Itoa(DefaultMaxChars)
	limit := `"maxLength": ` + strconv.Itoa(h.cfg.MaxChars)
	if h.cfg.MaxChars < 0 {
		limit = `"type": "string"` // which is there already
	}
	text := strings.NewReplacer(items, `"maxItems": `+strconv.Itoa(h.cfg.MaxItems), chars, limit).Replace(openapi)
	var all bytes.Buffer
	for part := range parts([]byte(text)) {
		name, value := member(part)
		if all.Len() > 0 {
			all.WriteString(",\n ")
		}
		all.WriteString(strconv.Quote(name) + ": ")
		if name != "paths" {
			all.Write(value)
			continue
		}
		more, err := describeRoutes()
		if err != nil {
			return nil, err
		}
		all.Write(bytes.TrimSuffix(bytes.TrimSpace(value), []byte("}")))
		all.WriteString(more + "}")
	}
	return append(append([]byte("{\n "), all.Bytes()...), "\n}\n"...), nil
}

// describeRoutes returns the members of "paths" of the routes that have a summary, each
// after a comma.
func describeRoutes() (string, error) {
	var members strings.Builder
	for _, d := range dialects {
		for _, r := range d.routes {
			if r.summary == "" {
				continue
			}
			item, err := json.MarshalIndent(map[string]any{strings.ToLower(r.methods[0]): r.describe(d.name)}, "  ", " ")
			if err != nil {
				return "", err
			}
			members.WriteString(",\n  " + strconv.Quote(r.path) + ": ")
			members.Write(item)
		}
	}
	return members.String(), nil
}

// describe returns the operation object of OpenAPI 3.1 for r.
func (r *route) describe(dialect string) map[string]any {
	words := strings.FieldsFunc(r.path, func(c rune) bool { return strings.ContainsRune("/{}-_", c) })
	type object = map[string]any
	id := strings.ToLower(r.methods[0])
	for _, w := range words {
		id += strings.ToUpper(w[:1]) + w[1:]
	}
	operation := object{"operationId": id, "summary": r.summary}
	answer, failure := "The answer.", object{"$ref": "#/components/responses/Invalid"}
	if dialect != "" {
		operation["tags"], operation["summary"] = []string{dialect}, r.summary+", as "+dialect+"'s clients ask"
		answer, failure = "As "+dialect+" answers.", object{"description": "An error, as " + dialect + " words it."}
	}
	operation["responses"] = object{"200": object{"description": answer}, "default": failure}
	if r.open {
		operation["security"] = []any{}
	}
	if strings.Contains(r.path, "{model}") {
		operation["parameters"] = []any{object{"name": "model", "in": "path", "required": true, "schema": object{"type": "string"}}}
	}
	if r.fields != nil {
		properties := object{}
		for _, name := range r.fields {
			properties[name] = object{}
		}
		operation["requestBody"] = object{"required": true, "content": object{"application/json": object{
			"schema": object{"type": "object", "properties": properties}, "example": json.RawMessage(r.example),
		}}}
	}
	return operation
}
