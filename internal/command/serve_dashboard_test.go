package command

import (
	"encoding/json"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The dashboard asks for metrics that a service has, by labels that they have. That
// expressions are PromQL is tested in deploy/promql.
func TestDashboard(t *testing.T) {
	s := measured(t)
	exposed := map[string][]string{} // the labels of each metric
	samples := regexp.MustCompile(`(?m)^([a-z]\w*)(?:\{(.*)\})? \S+$`)
	label := regexp.MustCompile(`(\w+)="`)
	for _, m := range samples.FindAllStringSubmatch(s.get(t, "/metrics"), -1) {
		exposed[m[1]] = []string{"job", "instance"} // which Prometheus adds
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			exposed[m[1]] = append(exposed[m[1]], l[1])
		}
	}
	data, err := os.ReadFile("../../deploy/grafana.json")
	require.NoError(t, err)
	var dashboard any
	require.NoError(t, json.Unmarshal(data, &dashboard))
	expressions := slices.Concat(stringsAt(dashboard, "expr"), stringsAt(dashboard, "definition"))
	require.Greater(t, len(expressions), 20)

	// Of a PromQL expression: a metric with its matchers; labels of a grouping; the label
	// that Grafana wants the values of.
	metric := regexp.MustCompile(`\b((?:rhumb|go|process)_\w+)(?:\{([^}]*)\})?`)
	matcher := regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
	grouping := regexp.MustCompile(`\bby \(([^)]*)\)`)
	values := regexp.MustCompile(`^label_values\(.*, (\w+)\)$`)
	used := map[string]bool{}
	for _, e := range expressions {
		metrics := metric.FindAllStringSubmatch(e, -1)
		assert.NotEmpty(t, metrics, e)
		for _, m := range metrics {
			name := m[1]
			if runtime.GOOS != "linux" && strings.HasPrefix(name, "process_") {
				continue // not all are everywhere
			}
			used[name] = true
			labels := exposed[name]
			if !assert.NotEmpty(t, labels, "%s is not exposed: %s", name, e) {
				continue
			}
			for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
				assert.Contains(t, labels, l[1], "%s: %s", name, e)
			}
			for _, g := range slices.Concat(grouping.FindAllStringSubmatch(e, -1), values.FindAllStringSubmatch(e, -1)) {
				for l := range strings.SplitSeq(g[1], ",") {
					assert.Contains(t, labels, strings.TrimSpace(l), "%s: %s", name, e)
				}
			}
		}
	}
	histogram := regexp.MustCompile(`_(bucket|sum|count)$`)
	for name := range exposed {
		if strings.HasPrefix(name, "rhumb_") && !histogram.MatchString(name) {
			assert.True(t, used[name], "the dashboard does not show %s", name)
		}
	}
	s.client.CloseIdleConnections()
	s.end(t, syscall.SIGTERM)
}

// stringsAt returns the strings under that key anywhere in v, which JSON decoded to.
func stringsAt(v any, key string) (list []string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			list = append(list, stringsAt(e, key)...)
		}
	case map[string]any:
		for k, e := range v {
			if s, ok := e.(string); ok && k == key {
				list = append(list, s)
			}
			list = append(list, stringsAt(e, key)...)
		}
	}
	return list
}
