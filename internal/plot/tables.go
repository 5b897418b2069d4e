package main

import (
	"fmt"
	"slices"
	"strings"
)

var (
	lengths = []string{"short", "medium", "long"}
	// Of the chart: m3's short and medium texts are those of large, which has the same layers.
	models = []string{"all-MiniLM-L6-v2", "base", "large", "m3", "qwen3"}
	shapes = []string{"1x16", "1x128", "8x128", "32x128", "1x512", "8x512", "corpus"}
	longs  = []string{"1x512", "1x2048", "1x8192"}
)

// number writes a figure of so many digits behind the point, and nothing of none.
func number(v float64, digits int) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%.*f", digits, v)
}

// A table is rows of a Markdown table; those without a figure are left out.
type table struct{ strings.Builder }

func newTable(head ...string) *table {
	t := &table{}
	t.line(head)
	fmt.Fprintf(t, "|%s\n", strings.Repeat("---|", len(head)))
	return t
}

func (t *table) line(cells []string) { fmt.Fprintf(t, "| %s |\n", strings.Join(cells, " | ")) }

func (t *table) row(names []string, cells ...string) {
	if strings.Join(cells, "") != "" {
		t.line(append(names, cells...))
	}
}

// tables returns the parts of the documentation by their names: those of the first machine, and others, of those behind it.
func (all records) tables() map[string]string {
	machines, others := all.machines(), ""
	for _, one := range machines[1:] {
		others += "\n" + strings.Join(one.source(), "\n") + ".\n"
		for _, t := range [][2]string{{"", one.shapes()}, {"\nTwo threads over one:\n", one.scaling()}, {"\nLong texts, seconds a call:\n", one.long()}, {"\nQuality:\n", one.quality()}} {
			if strings.Count(t[1], "\n") > 2 {
				others += t[0] + "\n" + t[1]
			}
		}
	}
	all = machines[0]
	return map[string]string{
		"others":   others,
		"source":   strings.Join(all.source(), "\n") + ".\n",
		"backends": all.backends(),
		"quality":  all.quality(),
		"shapes":   all.shapes(),
		"scaling":  all.scaling(),
		"long":     all.long(),
	}
}

// backends is the speed of all engines, by models and lengths.
func (all records) backends() string {
	head := []string{"engine"}
	for _, m := range models {
		for _, l := range lengths {
			if all.cell(m, l, 2, speed(base)) > 0 {
				head = append(head, m+", "+l)
			}
		}
	}
	t := newTable(append(head, "mean")...)
	for _, e := range engines() {
		var cells []string
		var values []float64
		for _, c := range head[1:] {
			model, texts, _ := strings.Cut(c, ", ")
			values = append(values, all.cell(model, texts, 2, speed(e)))
			cells = append(cells, number(values[len(values)-1], 2))
		}
		t.row([]string{e}, append(cells, number(mean(values), 2))...)
	}
	return t.String()
}

// scored returns the models and tasks that have scores, a comma between them.
func (all records) scored() []string {
	some := slices.DeleteFunc(slices.Clone(all), func(r record) bool { return len(r.Scores) == 0 })
	return some.distinct(func(r record) string { return r.Model + ", " + r.Texts })
}

// quality is the scores of all engines, by models and tasks, and their mean by that of base.
func (all records) quality() string {
	head := append([]string{"engine"}, all.scored()...)
	t := newTable(append(head, "mean, % of "+base)...)
	for _, e := range engines() {
		var cells []string
		for _, c := range head[1:] {
			model, task, _ := strings.Cut(c, ", ")
			cells = append(cells, number(all.cell(model, task, 0, func(r record) float64 { return r.Scores[e] }), 4))
		}
		t.row([]string{e}, append(cells, number(100*all.kept(e), 2))...)
	}
	return t.String()
}

// kept is the mean of an engine's scores by those of base, over all models and tasks.
func (all records) kept(engine string) float64 {
	var values []float64
	for _, c := range all.scored() {
		model, task, _ := strings.Cut(c, ", ")
		values = append(values, all.cell(model, task, 0, score(engine)))
	}
	return mean(values)
}

// shapes is how far ahead Rhumb is of the best peer.
func (all records) shapes() string {
	t := newTable(append([]string{"model", "threads", "precision"}, shapes...)...)
	for _, m := range models {
		for threads := 1; threads <= 2; threads++ {
			for _, p := range precisions {
				var cells []string
				for _, s := range shapes {
					cells = append(cells, number(all.cell(m, s, threads, lead(p)), 2))
				}
				t.row([]string{m, fmt.Sprint(threads), p}, cells...)
			}
		}
	}
	return t.String()
}

// scaling is how many times as fast Rhumb is on two threads as on one.
func (all records) scaling() string {
	t := newTable(append([]string{"model", "precision"}, shapes...)...)
	for _, m := range models {
		for _, p := range precisions {
			var cells []string
			for _, s := range shapes {
				e := seconds(own + " " + p)
				cells = append(cells, number(quotient(all.cell(m, s, 1, e), all.cell(m, s, 2, e)), 2))
			}
			t.row([]string{m, p}, cells...)
		}
	}
	return t.String()
}

// long is the seconds of long texts, and the best peer's by Rhumb's.
func (all records) long() string {
	var some []string
	for _, e := range engines() {
		if slices.ContainsFunc(all, func(r record) bool { return r.Model == "modernbert" && len(r.Seconds[e]) > 0 }) {
			some = append(some, e)
		}
	}
	head := append([]string{"threads", "tokens"}, some...)
	for _, p := range precisions {
		head = append(head, "best peer by Rhumb, "+p)
	}
	t := newTable(head...)
	for threads := 1; threads <= 2; threads++ {
		for _, texts := range longs {
			var cells []string
			for _, e := range some {
				cells = append(cells, number(all.cell("modernbert", texts, threads, seconds(e)), 3))
			}
			for _, p := range precisions {
				cells = append(cells, number(all.cell("modernbert", texts, threads, lead(p)), 2))
			}
			t.row([]string{fmt.Sprint(threads), strings.TrimPrefix(texts, "1x")}, cells...)
		}
	}
	return t.String()
}

const (
	opening = "<!-- go generate ./internal/plot: "
	closing = "<!-- end -->\n"
)

// fill returns text with each part between a comment that names it and the next end. It has each part once.
func fill(text string, parts map[string]string) (string, error) {
	pieces := strings.Split(text, opening)
	seen := map[string]bool{}
	for i, piece := range pieces[1:] {
		name, rest, ok := strings.Cut(piece, " -->\n")
		part, known := parts[name]
		_, after, ended := strings.Cut(rest, closing)
		if !ok || !known || !ended || seen[name] {
			line, _, _ := strings.Cut(piece, "\n")
			return "", fmt.Errorf("%s%s: expected a part's name once, and a line %q behind it", opening, line, strings.TrimSpace(closing))
		}
		seen[name] = true
		pieces[i+1] = name + " -->\n" + part + closing + after
	}
	for name := range parts {
		if !seen[name] {
			return "", fmt.Errorf("no line %q", opening+name+" -->")
		}
	}
	return strings.Join(pieces, opening), nil
}
