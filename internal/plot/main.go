// Command plot makes of recorded figures what the documentation shows: of a JSON file such as speed.json an SVG file with bars, and of runs that
// testdata/peers/peers.py recorded, such as runs.jsonl, the tables of a Markdown file and an SVG file beside it.
package main

import (
	"fmt"
	"os"
	"strings"
)

//go:generate go run . speed.json ../../docs/speed.svg
//go:generate go run . runs.jsonl ../../docs/benchmarks.md ../../docs/backends.svg

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 && len(args) != 3 {
		return fmt.Errorf("%d arguments, expected the figures in JSON and an SVG file, or runs, a Markdown file and an SVG file", len(args))
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	if len(args) == 2 {
		image, err := draw(data)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		return os.WriteFile(args[1], image, 0o666)
	}
	all, err := parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	filled, err := fill(strings.ReplaceAll(string(text), "\r", ""), all.tables())
	if err != nil {
		return fmt.Errorf("%s: %w", args[1], err)
	}
	if err := os.WriteFile(args[1], []byte(filled), 0o666); err != nil {
		return err
	}
	return os.WriteFile(args[2], all.machines()[0].chart().draw(), 0o666)
}
