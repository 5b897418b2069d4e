package embedhttp

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
)

// A dialect is how the clients of one vendor ask and are answered: its paths, fields,
// answers and errors, which stand for a request that models know and for what they make
// of it. Hosts, keys, limits, compression and the log are the same for all.
type dialect struct {
	name    string // in openapi.json
	below   string // what the paths of its other endpoints begin with; "" = nothing of its own
	routes  []route
	failure func(f *failure) (status int, body any) // of an answer
	key     string                                  // a header that may have the API key; "" = Authorization alone
}

// A route is one path. Its answer is written by serve, or fails.
type route struct {
	path    string // one that ends with a slash and is not the root stands for all below it, and {model} for a name
	methods []string
	serve   func(*exchange) error
	open    bool // needs no key
	admin   bool // needs an admin key

	// For openapi.json; "" = it is described there by hand.
	summary string
	fields  []string // of a request
	example string   // the JSON of a request
}

var (
	get  = []string{http.MethodGet, http.MethodHead}
	post = []string{http.MethodPost}
)

// dialects are those of every Handler. The first one is this project's own.
var dialects = []*dialect{&native, &ollama, &tei, &cohere, &azure}

// native is the superset of what OpenAI, Mistral, Mixedbread and others ask.
var native = dialect{failure: (*failure).envelope, routes: []route{
	{path: "/v1/embeddings", methods: post, serve: (*exchange).embeddings},
	{path: "/embeddings", methods: post, serve: (*exchange).embeddings},
	{path: "/v1/rerank", methods: post, serve: (*exchange).rerank},
	{path: "/rerank", methods: post, serve: (*exchange).rerankAny},
	{path: "/v1/models", methods: get, serve: (*exchange).listModels},
	{path: "/models", methods: get, serve: (*exchange).listModels, summary: "List the models"},
	{path: "/v1/models/", methods: get, serve: (*exchange).oneModel},
	{path: "/v1/models/load", methods: post, serve: (*exchange).loadModel, admin: true, summary: "Load a model, which takes an admin key",
		fields: names(namedFields), example: `{"model": "minilm"}`},
	{path: "/v1/models/unload", methods: post, serve: (*exchange).unloadModel, admin: true, summary: "Unload a model when nobody uses it, which takes an admin key",
		fields: names(namedFields), example: `{"model": "minilm"}`},
	{path: "/health", methods: get, serve: (*exchange).health, open: true},
	{path: "/ready", methods: get, serve: (*exchange).ready, open: true},
	{path: "/openapi.json", methods: get, serve: (*exchange).description, open: true},
	{path: "/", methods: get, serve: (*exchange).page, open: true},
}}

// find returns the dialect and the route of path, the first one of the method where
// there is one, and all methods of the path; d is nil where there is no such path.
func find(path, method string) (d *dialect, r *route, methods []string) {
	for _, one := range dialects {
		for i := range one.routes {
			candidate := &one.routes[i]
			if _, ok := candidate.match(path); !ok {
				continue
			}
			if d == nil || !slices.Contains(r.methods, method) && slices.Contains(candidate.methods, method) {
				d, r = one, candidate
			}
			methods = append(methods, candidate.methods...)
		}
	}
	return d, r, methods
}

// match reports whether path is that of r, and returns what stands for {model} in it.
func (r *route) match(path string) (model string, ok bool) {
	if before, after, named := strings.Cut(r.path, "{model}"); named {
		ok = len(path) > len(before)+len(after) && strings.HasPrefix(path, before) && strings.HasSuffix(path, after)
		if !ok {
			return "", false
		}
		return path[len(before) : len(path)-len(after)], true
	}
	below := len(r.path) > 1 && strings.HasSuffix(r.path, "/") && strings.HasPrefix(path, r.path)
	return "", path == r.path || below
}

// A spelling is how a dialect spells a request for embeddings and the answer.
type spelling struct {
	fields map[string]func(c *call, h *Handler, field string, value []byte) error
	input  string // the field of the inputs, for a message
	kind   kind   // of the models that it is for; "" = embedding
	empty  bool   // a request without inputs is answered without embeddings
	echo   bool   // the answer has the texts
	answer func(x *exchange, c *call, result *embed.Result) error
}
