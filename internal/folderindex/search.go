package folderindex

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/gitignore"
	"github.com/rhumb-go/rhumb/search"
)

// A Hit is a part of a file that was found.
type Hit struct {
	Path        string // relative to the folder, with slashes
	First, Last int    // lines, counted from 1
	Score       float32
	Text        string
}

// A Filter says which files are searched. The zero Filter is all.
type Filter struct {
	Path string // a file, or a folder with all below it, relative to the folder, with slashes; "" = all
	Glob string // a pattern of .gitignore that files match, or folders above them; "" = all
}

// Has reports whether the index has a file at that path, or below it.
func (x *Index) Has(path string) bool {
	from, to := x.now.Load().under(path)
	return from < to
}

// under returns the range of the files at that path and below it.
func (s *snapshot) under(path string) (from, to int) {
	if path == "" {
		return 0, len(s.files)
	}
	at := func(path string) int {
		i, _ := slices.BinarySearchFunc(s.files, path, func(f file, path string) int { return strings.Compare(f.Path, path) })
		return i
	}
	if i := at(path); i < len(s.files) && s.files[i].Path == path {
		return i, i + 1
	}
	return at(path + "/"), at(path + "0") // which is the byte behind a slash
}

// Search returns the k parts with the highest cosine with query, the highest first; fewer
// where there are not as many, or where files have changed since the last Refresh. query has
// the model's dimensions. Errors are those of search.Nearest, of a pattern that can match
// nothing, and of ctx.
func (x *Index) Search(ctx context.Context, query []float32, k int, filter Filter) ([]Hit, error) {
	if len(query) != x.width {
		return nil, fmt.Errorf("query of %d dimensions, expected %d", len(query), x.width)
	}
	s := x.now.Load()
	matches, err := s.search(query, k, filter)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	var hits []Hit
	for _, m := range matches {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, p := s.at(m.Row)
		text, ok := texts[f.Path]
		if !ok {
			if data, err := x.readFile(f.Path, f.Size); err == nil && sumOf(data) == f.Sum {
				text = string(data)
			}
			texts[f.Path] = text
		}
		if p.End <= len(text) {
			hits = append(hits, Hit{f.Path, p.First, p.Last, m.Score, text[p.Start:p.End]})
		}
	}
	return hits, nil
}

// search returns the nearest rows of the files that filter lets through.
func (s *snapshot) search(query []float32, k int, filter Filter) ([]search.Match, error) {
	if k < 1 {
		return nil, fmt.Errorf("k is %d, expected at least 1", k)
	}
	pass := func(string) bool { return true }
	if filter.Glob != "" {
		rules := gitignore.Parse([]byte(filter.Glob))
		if len(rules) != 1 || strings.HasPrefix(filter.Glob, "!") || strings.ContainsAny(filter.Glob, "\r\n") {
			return nil, fmt.Errorf("glob %q: expected a pattern such as *.go or cmd/**", filter.Glob)
		}
		pass = func(path string) bool { return covers(rules, path) }
	}
	var best []search.Match
	from, to := s.under(filter.Path)
	for from < to {
		end := from // of those that are one behind the other
		for end < to && pass(s.files[end].Path) {
			end++
		}
		first, rows := s.first[from], s.first[end]-s.first[from]
		if rows > 0 {
			width := len(query)
			found, err := search.Nearest(search.Cosine, query, s.rows[first*width:(first+rows)*width], k)
			if err != nil {
				return nil, err
			}
			for _, m := range found {
				if m.Score == m.Score { // of a row of zeros there is none
					best = append(best, search.Match{Row: first + m.Row, Score: m.Score})
				}
			}
			if len(best) > 64*k {
				best = cut(best, k)
			}
		}
		from = end + 1
	}
	return cut(best, k), nil
}

// cut returns the k matches with the highest score, in their order; of equal ones those of
// the first rows.
func cut(list []search.Match, k int) []search.Match {
	slices.SortStableFunc(list, func(a, b search.Match) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row))
	})
	return list[:min(k, len(list))]
}

// covers reports whether rules match the path of a file, or a folder that it is in.
func covers(rules gitignore.Rules, path string) bool {
	for i := range len(path) {
		if path[i] == '/' {
			if _, known := rules.Match(path[:i], true); known {
				return true
			}
		}
	}
	_, known := rules.Match(path, false)
	return known
}

// at returns the file and the part of a row.
func (s *snapshot) at(row int) (*file, part) {
	i, ok := slices.BinarySearch(s.first, row)
	for ok && i < len(s.files) && len(s.files[i].Parts) == 0 {
		i++ // files without parts begin at the same row
	}
	if !ok {
		i--
	}
	return &s.files[i], s.files[i].Parts[row-s.first[i]]
}
