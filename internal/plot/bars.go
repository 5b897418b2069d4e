package main

import (
	"encoding/json"
	"fmt"
	"html"
	"strconv"
	"strings"
)

// A figure is panels of bars below one another. Its lines about say on what machine, with which versions and when they were measured.
type figure struct {
	Title  string
	About  []string
	Panels []panel
}

// A panel is bars of one unit, drawn at one scale.
type panel struct {
	Title string
	Bars  []bar
}

type bar struct {
	Name  string
	Value float64
	Own   bool // Rhumb's
}

// In pixels.
const (
	width, margin      = 860, 16
	line, barHeight    = 22, 14
	names, bars, right = 350, 370, 8
)

// draw returns the SVG file of the figure that data, JSON, has.
func draw(data []byte) ([]byte, error) {
	var f figure
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	var c canvas
	y := margin + 10
	c.text(margin, y, 16, "bold", "#222", f.Title)
	y += 4
	for _, p := range f.Panels {
		most := 0.0
		for _, b := range p.Bars {
			most = max(most, b.Value)
		}
		if !(most > 0) {
			return nil, fmt.Errorf("panel %q: no value above 0", p.Title)
		}
		y += line + 6
		c.text(margin, y, 13, "bold", "#222", p.Title)
		for _, b := range p.Bars {
			y += line
			c.text(margin, y, 12, "normal", "#222", b.Name)
			c.bar(margin+names, y, b.Value/most*bars, b.Own, strconv.FormatFloat(b.Value, 'f', -1, 64))
		}
	}
	y += 12
	for _, s := range f.About {
		y += 16
		c.text(margin, y, 11, "normal", "#555", s)
	}
	return c.file(f.Title, y+margin), nil
}

// A canvas is the body of an SVG file.
type canvas struct{ strings.Builder }

// text writes s from x on, on the line whose letters stand on y.
func (c *canvas) text(x, y, size int, weight, color, s string) {
	fmt.Fprintf(c, `<text x="%d" y="%d" font-size="%d" font-weight="%s" fill="%s">%s</text>`+"\n", x, y, size, weight, color, html.EscapeString(s))
}

// bar draws one of a length on the line of y, and its value behind it.
func (c *canvas) bar(x, y int, length float64, own bool, value string) {
	color := "#9aa7b4"
	if own {
		color = "#0b7a75"
	}
	n := max(1, int(length+0.5))
	fmt.Fprintf(c, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", x, y-barHeight+3, n, barHeight, color)
	c.text(x+n+right, y, 12, "normal", "#222", value)
}

// file returns the SVG file, so high.
func (c *canvas) file(title string, height int) []byte {
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" font-family="sans-serif">
<title>%s</title>
<rect width="100%%" height="100%%" fill="#fff"/>
%s</svg>
`, width, height, html.EscapeString(title), c.String())
}
