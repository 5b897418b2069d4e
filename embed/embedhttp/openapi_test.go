package embedhttp

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// object is a JSON object.
type object = map[string]any

// at returns the value at a path of names.
func at(t testing.TB, o object, path ...string) any {
	t.Helper()
	var v any = o
	for _, name := range path {
		next, ok := v.(object)
		require.True(t, ok, path)
		v, ok = next[name]
		require.True(t, ok, "%v: no %s", path, name)
	}
	return v
}

func describedBy(t testing.TB, h *Handler) object {
	t.Helper()
	w := send(h, "GET", "/openapi.json", "")
	require.Equal(t, 200, w.Code)
	return decode[object](t, w.Body)
}

// check returns what of v is against the schema, the part of JSON Schema that
// openapi.json uses; nil where nothing is.
func check(root, schema object, v any) error {
	for name, want := range schema {
		switch name {
		case "$ref":
			target := root
			for part := range strings.SplitSeq(strings.TrimPrefix(want.(string), "#/"), "/") {
				target = target[part].(object)
			}
			if err := check(root, target, v); err != nil {
				return err
			}
		case "oneOf", "anyOf":
			n := 0
			for _, s := range want.([]any) {
				if check(root, s.(object), v) == nil {
					n++
				}
			}
			if n == 0 || n > 1 && name == "oneOf" {
				return fmt.Errorf("%v: %d of %s", v, n, name)
			}
		case "type":
			types, several := want.([]any)
			if !several {
				types = []any{want}
			}
			if !slices.ContainsFunc(types, func(t any) bool { return isType(v, t.(string)) }) {
				return fmt.Errorf("%v: expected %v", v, want)
			}
		case "const":
			if !reflect.DeepEqual(v, want) {
				return fmt.Errorf("%v: expected %v", v, want)
			}
		case "enum":
			if !slices.ContainsFunc(want.([]any), func(w any) bool { return reflect.DeepEqual(v, w) }) {
				return fmt.Errorf("%v: expected one of %v", v, want)
			}
		case "minLength", "maxLength", "minItems", "maxItems", "minimum", "exclusiveMinimum":
			if err := checkNumber(name, want.(float64), v); err != nil {
				return err
			}
		case "uniqueItems":
			list, _ := v.([]any)
			for i := range list {
				if slices.Contains(list[:i], list[i]) {
					return fmt.Errorf("%v twice", list[i])
				}
			}
		case "items":
			list, _ := v.([]any)
			for _, e := range list {
				if err := check(root, want.(object), e); err != nil {
					return err
				}
			}
		case "required":
			o, _ := v.(object)
			for _, n := range want.([]any) {
				if _, ok := o[n.(string)]; !ok {
					return fmt.Errorf("no %v", n)
				}
			}
		case "properties", "additionalProperties", "propertyNames":
			if err := checkMembers(root, schema, v); err != nil {
				return err
			}
		case "description", "default", "contentEncoding":
		default:
			return fmt.Errorf("schema: %s is not known to this test", name)
		}
	}
	return nil
}

func isType(v any, name string) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && v == math.Trunc(v)
	case []any:
		return name == "array"
	}
	return name == "object"
}

func checkNumber(name string, want float64, v any) error {
	var n float64
	ok := false
	switch v := v.(type) {
	case string:
		n, ok = float64(len([]rune(v))), strings.HasSuffix(name, "Length")
	case []any:
		n, ok = float64(len(v)), strings.HasSuffix(name, "Items")
	case float64:
		n, ok = v, strings.HasSuffix(strings.ToLower(name), "minimum")
	}
	if ok && (strings.HasPrefix(name, "max") && n > want || strings.HasPrefix(name, "min") && n < want || name == "exclusiveMinimum" && n <= want) {
		return fmt.Errorf("%v: %s is %v", n, name, want)
	}
	return nil
}

func checkMembers(root, schema object, v any) error {
	o, _ := v.(object)
	properties, _ := schema["properties"].(object)
	for name, value := range o {
		if names, ok := schema["propertyNames"].(object); ok {
			if err := check(root, names, name); err != nil {
				return err
			}
		}
		p, known := properties[name].(object)
		switch more := schema["additionalProperties"].(type) {
		case bool:
			if !known && !more {
				return fmt.Errorf("%s is not allowed", name)
			}
		case object:
			if !known {
				p, known = more, true
			}
		}
		if known {
			if err := check(root, p, value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// The description has the fields, the paths and the codes that there are.
func TestDescription(t *testing.T) {
	h, _ := served(t, nil)
	api := describedBy(t, h)
	assert.Equal(t, "3.1.0", api["openapi"])
	properties := func(schema string) []string {
		return slices.Sorted(maps.Keys(at(t, api, "components", "schemas", schema, "properties").(object)))
	}
	assert.Equal(t, slices.Sorted(maps.Keys(fields)), properties("EmbeddingRequest"))
	assert.Equal(t, slices.Sorted(maps.Keys(rankingFields)), properties("RerankRequest"))

	described := at(t, api, "paths").(object)
	for _, d := range dialects {
		for _, r := range d.routes {
			path := r.path
			if r.serve == nil || path == "/" && r.summary == "" || path == "/openapi.json" {
				continue // for people, and this
			}
			if strings.HasSuffix(path, "/") && path != "/" {
				path += "{id}"
			}
			method := strings.ToLower(r.methods[0])
			o := at(t, described, path, method).(object)
			security, given := o["security"].([]any)
			assert.Equal(t, r.open, given && len(security) == 0, path)
			assert.NotEmpty(t, o["summary"])
			if r.example != "" {
				for name := range decode[object](t, strings.NewReader(r.example)) {
					assert.Contains(t, r.fields, name)
				}
			}
			delete(described, path)
		}
	}
	assert.Empty(t, described)

	var codes []string
	for _, c := range at(t, api, "components", "schemas", "Error", "properties", "error", "properties", "code", "enum").([]any) {
		codes = append(codes, c.(string))
	}
	assert.ElementsMatch(t, []string{
		"invalid_json", "invalid_input", "invalid_dimensions", "invalid_encoding_format", "invalid_request", "unknown_parameter",
		"model_kind_mismatch", "invalid_api_key", "admin_key_required", "model_not_found", "not_found", "method_not_allowed", "request_too_large",
		"unsupported_media_type", "misdirected_request", "rate_limit_exceeded", "queue_full", "shutting_down", "models_busy", "model_too_large", "model_load_error", "internal_error",
	}, codes)
	// Every reference leads somewhere.
	for _, m := range regexp.MustCompile(`"\$ref": "#/components/(\w+)/([\w-]+)"`).FindAllStringSubmatch(openapi, -1) {
		at(t, api, "components", m[1], m[2])
	}
}

func TestDescriptionHasTheLimits(t *testing.T) {
	h, _ := served(t, func(c *Config) { c.MaxItems, c.MaxChars = 5, 7 })
	text := string(h.openapi)
	assert.NotContains(t, text, "2048")
	assert.NotContains(t, text, "64000")
	assert.Equal(t, 5, strings.Count(text, `"maxItems": 5`))
	assert.Equal(t, 9, len(regexp.MustCompile(`"maxLength": 7\b`).FindAllString(text, -1)))
	free, _ := served(t, func(c *Config) { c.MaxChars = -1 })
	assert.NotContains(t, string(free.openapi), "64000")
	assert.True(t, json.Valid(free.openapi))
}

// What the handler accepts and answers is what the description says.
func TestAnswersAreAsDescribed(t *testing.T) {
	h, _ := served(t, addCross(t))
	api := describedBy(t, h)
	schema := func(name string) object { return at(t, api, "components", "schemas", name).(object) }
	for _, body := range []string{
		`{"model":"tiny","input":"a"}`,
		`{"model":"tiny","inputs":["a","b"],"dimensions":3,"normalized":false,"user":"x","metadata":{"a":1}}`,
		`{"model":"tiny","input":[2,3],"encoding_format":"base64","truncate":true}`,
		`{"model":"tiny","input":[[2,3],[2,5,3]],"encoding_format":["base64","int8","float16"],"truncation_direction":"Left"}`,
		`{"model":"tiny","input":[[7,8],[5]],"add_special_tokens":true}`,
		`{"model":"tiny","input":"a","truncate":"END","dimensions":24.0}`,
		`{"model":"tiny","input":"a","output_dtype":"ubinary","output_dimension":9,"prompt":"b","truncation_strategy":"none"}`,
		`{"model":"tiny","input":"a","prompt_name":null,"input_type":"query","normalize":true,"dimensions":null,"encoding_format":null}`,
	} {
		require.NoError(t, check(api, schema("EmbeddingRequest"), decode[any](t, strings.NewReader(body))), body)
		w := send(h, "POST", "/v1/embeddings", body)
		require.Equal(t, 200, w.Code, w.Body)
		require.NoError(t, check(api, schema("EmbeddingResponse"), decode[any](t, w.Body)))
	}
	for _, body := range []string{
		`{"model":"tiny"}`, `{"model":"tiny","input":""}`, `{"model":"tiny","input":[]}`, `{"model":"tiny","input":[[]]}`,
		`{"model":"tiny","input":["a",3]}`, `{"model":"tiny","input":"a","dimensions":0}`, `{"model":"tiny","input":"a","dimensions":"8"}`,
		`{"model":"tiny","input":"a","encoding_format":"hex"}`, `{"model":"tiny","input":"a","encoding_format":["float","float"]}`,
		`{"model":"tiny","input":"a","encoding_format":[]}`, `{"model":"tiny","input":"a","output_dtype":"float16"}`,
		`{"model":"tiny","input":"a","truncate":"END "}`, `{"model":"tiny","input":"a","truncation_strategy":"left"}`,
		`{"model":"tiny","input":"a","input_type":"none"}`, `{"model":"tiny","input":"a","prompt":""}`, `{"model":"tiny","input":"a","other":1}`,
	} {
		assert.Error(t, check(api, schema("EmbeddingRequest"), decode[any](t, strings.NewReader(body))), body)
		w := send(h, "POST", "/v1/embeddings", body)
		require.Equal(t, 400, w.Code, body)
		require.NoError(t, check(api, schema("Error"), decode[any](t, w.Body)))
	}
	for _, body := range []string{
		`{"model":"cross","query":"a","documents":[""]}`,
		`{"model":"cross","query":"a","documents":["b",{"text":"c"}],"top_n":1.0,"top_k":1,"return_documents":true,"max_tokens_per_doc":50,"truncation":true}`,
		`{"model":"cross","query":"a","documents":["b"],"prompt":"c","prompt_name":null,"top_n":null,"rank_fields":["text"],"priority":3,"user":"d"}`,
	} {
		require.NoError(t, check(api, schema("RerankRequest"), decode[any](t, strings.NewReader(body))), body)
		w := send(h, "POST", "/v1/rerank", body)
		require.Equal(t, 200, w.Code, w.Body)
		require.NoError(t, check(api, schema("RerankResponse"), decode[any](t, w.Body)))
	}
	for _, body := range []string{
		`{"model":"cross","documents":["a"]}`, `{"model":"cross","query":"a"}`, `{"model":"cross","query":"","documents":["a"]}`, `{"model":"cross","query":"a","documents":[]}`,
		`{"model":"cross","query":"a","documents":"a"}`, `{"model":"cross","query":"a","documents":[{}]}`, `{"model":"cross","query":"a","documents":[{"text":"b","title":"c"}]}`,
		`{"model":"cross","query":"a","documents":["b"],"top_n":0}`, `{"model":"cross","query":"a","documents":["b"],"truncation":"END"}`,
		`{"model":"cross","query":"a","documents":["b"],"rank_fields":["title"]}`, `{"model":"cross","query":"a","documents":["b"],"max_chunks_per_doc":10}`,
	} {
		assert.Error(t, check(api, schema("RerankRequest"), decode[any](t, strings.NewReader(body))), body)
		w := send(h, "POST", "/v1/rerank", body)
		require.Equal(t, 400, w.Code, body)
		require.NoError(t, check(api, schema("Error"), decode[any](t, w.Body)))
	}
	for path, name := range map[string]string{"/v1/models": "ModelList", "/v1/models/cross": "Model", "/v1/models/org/tiny": "Model", "/health": "State", "/ready": "State"} {
		require.NoError(t, check(api, schema(name), decode[any](t, send(h, "GET", path, "").Body)), path)
	}
}

// The page needs nothing but this service.
func TestPage(t *testing.T) {
	h, _ := served(t, nil)
	w := send(h, "GET", "/", "")
	require.Equal(t, 200, w.Code)
	assert.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	html := w.Body.String()
	assert.NotRegexp(t, `https?://|//[a-z0-9-]+\.[a-z]|@import|\bsrc=`, html)
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		assert.Contains(t, []string{"data:,", "openapi.json"}, m[1])
	}
	for _, m := range regexp.MustCompile(`(?:fetch|call)\("([^"]*)"`).FindAllStringSubmatch(html, -1) {
		d, _, _ := find("/"+m[1], "POST")
		assert.NotNil(t, d, m[1])
		assert.False(t, strings.HasPrefix(m[1], "/"), "relative, for a service that mounts the handler below a path")
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(`\bid="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		assert.False(t, ids[m[1]], "%s twice", m[1])
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?:\bfor="|\$\(")([^"]*)"`).FindAllStringSubmatch(html, -1) {
		assert.True(t, ids[m[1]], m[1])
	}
	head := send(h, "HEAD", "/", "")
	assert.Equal(t, 200, head.Code)
}
