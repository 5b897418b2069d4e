package main

import (
	"fmt"
	"slices"
	"strings"
)

// A chart is bars of rows in columns, each of its own scale.
type chart struct {
	title   string
	about   []string
	rows    []string
	columns []column
}

type column struct {
	title  string
	digits int
	values []float64 // of each row, 0 where there is none
}

// chart draws the speed of engines over models for each length of texts, and how well they do.
func (all records) chart() chart {
	c := chart{
		title: "Speed and quality, PyTorch in float32 = 1",
		about: append([]string{"Speed: mean over models' shapes, 2 threads. Quality: mean over models and tasks. docs/benchmarks.md has all figures and how to make them."}, all.source()...),
		rows:  engines(),
	}
	for _, l := range lengths {
		s := column{title: "Speed, " + l + " texts", digits: 2}
		for _, e := range c.rows {
			var values []float64
			for _, m := range models {
				values = append(values, all.cell(m, l, 2, speed(e)))
			}
			s.values = append(s.values, mean(values))
		}
		c.columns = append(c.columns, s)
	}
	q := column{title: "Quality", digits: 4}
	for _, e := range c.rows {
		q.values = append(q.values, all.kept(e))
	}
	c.columns = append(c.columns, q)
	return c
}

// draw returns the SVG file.
func (c chart) draw() []byte {
	const names, wide, longest = 160, 167, 110 // in pixels
	var to canvas
	y := margin + 10
	to.text(margin, y, 16, "bold", "#222", c.title)
	y += line + 10
	for k, col := range c.columns {
		to.text(margin+names+k*wide, y, 13, "bold", "#222", col.title)
	}
	for i, name := range c.rows {
		y += line
		to.text(margin, y, 12, "normal", "#222", name)
		for k, col := range c.columns {
			if v := col.values[i]; v > 0 {
				to.bar(margin+names+k*wide, y, v/slices.Max(col.values)*longest, strings.HasPrefix(name, own), fmt.Sprintf("%.*f", col.digits, v))
			}
		}
	}
	y += 12
	for _, s := range c.about {
		y += 16
		to.text(margin, y, 11, "normal", "#555", s)
	}
	return to.file(c.title, y+margin)
}
