package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// A record is a line of runs: the medians of rounds in which engines took turns over the same texts, or how well they did a task.
type record struct {
	Date     string // as 2026-11-30
	Commit   string // of Rhumb
	CPU      string
	Versions map[string]string // of the peers' packages
	Model    string
	Texts    string // BxS, corpus, short, medium or long; of scores the task
	Threads  int
	Tokens   int
	Seconds  map[string][]float64 // of each engine, a program and a precision
	Scores   map[string]float64
}

type records []record

var (
	programs   = []string{"PyTorch", "ONNX Runtime", "OpenVINO", "Rhumb"}
	precisions = []string{"float32", "bfloat16", "int8"}
)

const (
	own  = "Rhumb"
	base = "PyTorch float32" // what others are compared with
)

// engines returns all programs in all precisions that one has.
func engines() (all []string) {
	for _, program := range programs {
		for _, precision := range precisions {
			if e := program + " " + precision; e != "PyTorch int8" && e != "ONNX Runtime bfloat16" {
				all = append(all, e)
			}
		}
	}
	return all
}

// parse reads records, a JSON object each.
func parse(data []byte) (all records, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	for {
		var r record
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("run %d: %w", len(all)+1, err)
		}
		known := engines()
		for e, s := range r.Seconds {
			if !slices.Contains(known, e) || len(s) == 0 || !(slices.Min(s) > 0) {
				return nil, fmt.Errorf("run %d: seconds of %q: %v, expected positive ones of one of %s", len(all)+1, e, s, strings.Join(known, ", "))
			}
		}
		for e, s := range r.Scores {
			if !slices.Contains(known, e) || !(s > 0) {
				return nil, fmt.Errorf("run %d: score of %q: %v, expected a positive one of one of %s", len(all)+1, e, s, strings.Join(known, ", "))
			}
		}
		all = append(all, r)
	}
}

// cell returns the median of a figure over the runs of a cell that have it, 0 where there is none.
func (all records) cell(model, texts string, threads int, figure func(record) float64) float64 {
	var values []float64
	for _, r := range all {
		if r.Model == model && r.Texts == texts && r.Threads == threads {
			if v := figure(r); v > 0 {
				values = append(values, v)
			}
		}
	}
	return median(values)
}

// seconds returns the figure of an engine's time.
func seconds(engine string) func(record) float64 {
	return func(r record) float64 { return median(r.Seconds[engine]) }
}

// speed returns the figure of an engine's speed, where base has 1.
func speed(engine string) func(record) float64 {
	return func(r record) float64 { return quotient(median(r.Seconds[base]), median(r.Seconds[engine])) }
}

// lead returns the figure of the time of the best peer by Rhumb's, in the same precision.
func lead(precision string) func(record) float64 {
	return func(r record) float64 {
		best := math.Inf(1)
		for _, program := range programs {
			if s := r.Seconds[program+" "+precision]; program != own && len(s) > 0 {
				best = min(best, median(s))
			}
		}
		if math.IsInf(best, 1) {
			return 0
		}
		return quotient(best, median(r.Seconds[own+" "+precision]))
	}
}

// score returns the figure of an engine's score by that of base.
func score(engine string) func(record) float64 {
	return func(r record) float64 { return quotient(r.Scores[engine], r.Scores[base]) }
}

// quotient returns a/b, and 0, no figure, where either is missing.
func quotient(a, b float64) float64 {
	if a == 0 || b == 0 {
		return 0
	}
	return a / b
}

// median returns that of v, 0 of none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// mean returns the geometric mean of what is not 0, 0 of none.
func mean(v []float64) float64 {
	sum, n := 0.0, 0
	for _, x := range v {
		if x > 0 {
			sum += math.Log(x)
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return math.Exp(sum / float64(n))
}

// distinct returns the values of runs without repeats, in order of their first.
func (all records) distinct(of func(record) string) (values []string) {
	for _, r := range all {
		if v := of(r); !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}

// machines returns the runs of each CPU, in order of their first, at least of one.
func (all records) machines() []records {
	var each []records
	for _, cpu := range all.distinct(func(r record) string { return r.CPU }) {
		each = append(each, slices.DeleteFunc(slices.Clone(all), func(r record) bool { return r.CPU != cpu }))
	}
	if each == nil {
		each = []records{nil}
	}
	return each
}

// source says where and when the runs were made, and with what, in two lines.
func (all records) source() []string {
	join := func(of func(record) string) string { return strings.Join(all.distinct(of), "; ") }
	versions := func(r record) string {
		var of []string
		for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
			of = append(of, name+" "+r.Versions[name])
		}
		return strings.Join(of, ", ")
	}
	return []string{
		fmt.Sprintf("%s; Rhumb at commit %s; %s;", join(func(r record) string { return r.CPU }), join(func(r record) string { return r.Commit }), join(func(r record) string { return r.Date })),
		join(versions),
	}
}
