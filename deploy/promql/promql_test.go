// Package promql tests the dashboard with Prometheus' own parser, which is too large to
// be something that the other modules depend on.
package promql

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// variables has a value for each of Grafana's that expressions have.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*", "$model", ".*")

// The expressions of the dashboard are PromQL.
func TestExpressions(t *testing.T) {
	data, err := os.ReadFile("../grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		SchemaVersion int
		Panels        []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expression := variables.Replace(target.Expr)
			e, err := parser.ParseExpr(expression)
			switch {
			case strings.Contains(expression, "$"):
				t.Errorf("%s: a variable that is not known: %s", panel.Title, target.Expr)
			case err != nil:
				t.Errorf("%s: %s: %v", panel.Title, target.Expr, err)
			case e.Type() != parser.ValueTypeVector:
				t.Errorf("%s: %s: a %s, expected an instant vector", panel.Title, target.Expr, e.Type())
			}
			n++
		}
	}
	if n < 20 {
		t.Errorf("%d expressions, expected more", n)
	}
}
