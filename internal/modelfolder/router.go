package modelfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// A router chooses what follows by the task of a request: sentence-transformers'
// Router, which was called Asym before version 5.
type router struct {
	file         string // that describes it
	structure    map[string][]moduleEntry
	mappings     map[[2]string]string // task and modality, "" for any → route
	defaultRoute string               // "" for none
}

// router reads a Router's router_config.json, or an Asym's config.json.
func (f Folder) router() (*router, error) {
	var config struct {
		Types      map[string]string `json:"types"`
		Structure  json.RawMessage   `json:"structure"`
		Parameters struct {
			DefaultRoute  *string           `json:"default_route"`
			AllowEmptyKey *bool             `json:"allow_empty_key"`
			RouteMappings map[string]string `json:"route_mappings"`
		} `json:"parameters"`
	}
	harmless := func(m strictjson.Member) bool { // parameters are arguments
		return !strings.HasPrefix(m.Key, "parameters.") || saysNothing(m)
	}
	name := "router_config.json"
	found, err := f.readJSON(name, &config, harmless)
	if err == nil && !found {
		name = "config.json"
		if found, err = f.readJSON(name, &config, harmless); err == nil && found && config.Structure == nil {
			err = f.ErrorIn(name, errors.New("structure: missing"))
		}
		if err != nil {
			err = fmt.Errorf("%w, expected router_config.json, or a config.json of an Asym", err)
		}
	}
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, f.ErrorIn("router_config.json", fs.ErrNotExist)
	}
	r := &router{file: path.Join(f.Path, name), mappings: map[[2]string]string{}, structure: map[string][]moduleEntry{}}
	var structure map[string][]string
	if err := json.Unmarshal(config.Structure, &structure); err != nil || len(structure) == 0 {
		return nil, f.ErrorIn(name, errors.New("structure: expected for each route the list of its modules"))
	}
	for _, route := range slices.Sorted(maps.Keys(structure)) {
		r.structure[route] = nil // a route may have no modules
		for _, id := range structure[route] {
			class, ok := config.Types[id]
			if !ok {
				return nil, f.ErrorIn(name, fmt.Errorf("structure: %s: %q, which types lacks", route, id))
			}
			e := moduleEntry{Name: id, Path: path.Join(f.Path, id), Type: class, file: r.file}
			if id != "" && !fs.ValidPath(id) || id == "." { // "" is the router's own folder
				return nil, e.errorf("expected a Folder within the router's")
			}
			r.structure[route] = append(r.structure[route], e)
		}
	}
	for key, route := range config.Parameters.RouteMappings {
		if _, ok := structure[route]; !ok {
			return nil, f.ErrorIn(name, fmt.Errorf("route_mappings: %s: %q, which structure lacks", key, route))
		}
		task, modality, err := parseMapping(key)
		if err != nil {
			return nil, f.ErrorIn(name, fmt.Errorf("route_mappings: %w", err))
		}
		r.mappings[[2]string{task, modality}] = route
	}
	switch p := config.Parameters; {
	case p.DefaultRoute != nil:
		r.defaultRoute = *p.DefaultRoute
		if _, ok := structure[r.defaultRoute]; !ok {
			return nil, f.ErrorIn(name, fmt.Errorf("default_route: %q, which structure lacks", r.defaultRoute))
		}
	case p.AllowEmptyKey == nil || *p.AllowEmptyKey:
		r.defaultRoute = firstKey(config.Structure)
	}
	return r, nil
}

// firstKey returns the first key of a JSON object that has one.
func firstKey(object json.RawMessage) string {
	members, err := strictjson.Members(object)
	if err != nil || len(members) == 0 {
		return "" // it was decoded before
	}
	return members[0].Key
}

// mapping is a Python tuple of two, each None, a string or, the second, a tuple
// of strings: several modalities at once.
var mapping = regexp.MustCompile(`^\((?:None|'([^'\\]+)'), (?:None|'([^'\\]+)'|(\([^()]*\)))\)$`)

// parseMapping reads a key of route_mappings.
func parseMapping(key string) (task, modality string, err error) {
	m := mapping.FindStringSubmatch(key)
	if m == nil {
		return "", "", fmt.Errorf("key %.100q, expected a pair such as ('query', 'text') or (None, 'text')", key)
	}
	return m[1], m[2] + m[3], nil
}

// text is the modality of all that this package reads.
const text = "text"

// find returns the route of a task, "" for none, as Router._resolve_route of
// sentence-transformers 6.2 does.
func (r *router) find(task string) (string, bool) {
	for _, key := range [][2]string{{task, text}, {task, ""}, {"", text}, {"", ""}} {
		if route, ok := r.mappings[key]; ok {
			return route, true
		}
	}
	for _, name := range []string{task, text} {
		if _, ok := r.structure[name]; ok && name != "" {
			return name, true
		}
	}
	return r.defaultRoute, task == "" && r.defaultRoute != ""
}

// tasks returns the names that may choose a route. Without mappings they are
// those of the routes; with them the routes' own names may be of other modalities.
func (r *router) tasks() []string {
	names := []string{"query", "document"}
	for key := range r.mappings {
		names = append(names, key[0])
	}
	if len(r.mappings) == 0 {
		names = slices.AppendSeq(names, maps.Keys(r.structure))
	}
	return names
}

// routes reads the routes through the modules of list.
func (r *reader) routes(list []moduleEntry) error {
	s := r.spec
	routers := map[int]*router{} // by index in list
	tasks := map[string]bool{}
	for i := range list {
		e := &list[i]
		if class := e.class(); class != "Router" && class != "Asym" {
			continue
		}
		found, err := r.root.at(e.Path).router()
		if err != nil {
			return err
		}
		routers[i] = found
		for _, name := range found.tasks() {
			tasks[name] = true
		}
	}
	delete(tasks, "")
	if len(routers) == 0 {
		var err error
		s.Default, err = r.route(list)
		return err
	}
	s.Routes = map[string]*Route{}
	read := map[string]*Route{} // by the paths of their modules
	for _, task := range append([]string{""}, slices.Sorted(maps.Keys(tasks))...) {
		flat, ok := flatten(list, routers, task)
		if !ok {
			continue
		}
		var key strings.Builder
		for _, e := range flat {
			fmt.Fprintf(&key, "%s\x00%s\x00", e.Path, e.Type)
		}
		route, ok := read[key.String()]
		if !ok {
			var err error
			if route, err = r.route(flat); err != nil {
				return err
			}
			read[key.String()] = route
		}
		if task == "" {
			s.Default = route
		} else {
			s.Routes[task] = route
		}
	}
	if s.Default == nil {
		s.NoDefault = true
		for _, task := range slices.Sorted(maps.Keys(s.Routes)) {
			s.Default = s.Routes[task]
			break
		}
	}
	if s.Default == nil {
		return errors.New("modules.json: no task has a route through all Routers")
	}
	return nil
}

// flatten returns list with the modules of the task's routes in the place of
// the routers, and false where a router has no route for the task.
func flatten(list []moduleEntry, routers map[int]*router, task string) ([]moduleEntry, bool) {
	var flat []moduleEntry
	for i, e := range list {
		r, ok := routers[i]
		if !ok {
			flat = append(flat, e)
			continue
		}
		route, ok := r.find(task)
		if !ok {
			return nil, false
		}
		flat = append(flat, r.structure[route]...)
	}
	return flat, true
}
