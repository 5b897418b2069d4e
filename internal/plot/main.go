// Command plot draws the recorded figures of a JSON file, such as speed.json, as bars in an SVG file.
package main

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"strconv"
	"strings"
)

//go:generate go run . speed.json ../../docs/speed.svg

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

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("%d arguments, expected two: the figures in JSON and the SVG file to write", len(args))
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	image, err := draw(data)
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return os.WriteFile(args[1], image, 0o666)
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
	var body strings.Builder
	y := margin
	text := func(x, size int, weight, color, s string) {
		fmt.Fprintf(&body, `<text x="%d" y="%d" font-size="%d" font-weight="%s" fill="%s">%s</text>`+"\n", x, y, size, weight, color, html.EscapeString(s))
	}
	y += 10
	text(margin, 16, "bold", "#222", f.Title)
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
		text(margin, 13, "bold", "#222", p.Title)
		for _, b := range p.Bars {
			y += line
			text(margin, 12, "normal", "#222", b.Name)
			color := "#9aa7b4"
			if b.Own {
				color = "#0b7a75"
			}
			length := max(1, int(b.Value/most*bars+0.5))
			fmt.Fprintf(&body, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", margin+names, y-barHeight+3, length, barHeight, color)
			text(margin+names+length+right, 12, "normal", "#222", strconv.FormatFloat(b.Value, 'f', -1, 64))
		}
	}
	y += 12
	for _, s := range f.About {
		y += 16
		text(margin, 11, "normal", "#555", s)
	}
	y += margin
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" font-family="sans-serif">
<title>%s</title>
<rect width="100%%" height="100%%" fill="#fff"/>
%s</svg>
`, width, y, html.EscapeString(f.Title), body.String()), nil
}
