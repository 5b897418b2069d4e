package multivector

import (
	"cmp"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

// groupVectors returns the rows of x, of unit length, of which those behind the protected
// ones are grouped as sentence-transformers 6.2's HierarchicalTokenPooling does: by Ward's
// method over 1 - cosine into one group of so many, or a few less where merges cost the same.
// Each group becomes its mean, in the order of their first rows. They lie in x, which is lost.
func groupVectors(set *kernel.Set, x tensor.Matrix, p *modelfolder.TokenPooling) tensor.Matrix {
	before := min(p.Protected, x.Rows)
	rest := x.Slice(before, x.Rows)
	if groups := max(1, int(float64(rest.Rows)/p.Factor)); groups < rest.Rows {
		x = x.Slice(0, before+mergeRows(rest, wardGroups(set, rest, groups)))
	}
	if p.Normalize {
		for i := range x.Rows {
			pipeline.ScaleToUnit(x.Row(i))
		}
	}
	return x
}

// mergeRows replaces the rows of x by the mean of each group, summed in float32 in the
// order of the rows, and returns how many there are. group[i] is the first row of row i's.
func mergeRows(x tensor.Matrix, group []int) int {
	n := 0
	for i := range x.Rows {
		if group[i] != i {
			continue
		}
		mean := slices.Clone(x.Row(i))
		members := 1
		for j := i + 1; j < x.Rows; j++ {
			if group[j] == i {
				members++
				for k, v := range x.Row(j) {
					mean[k] += v
				}
			}
		}
		for k := range mean {
			mean[k] /= float32(members)
		}
		copy(x.Row(n), mean) // n <= i: rows that are still to be read lie behind
		n++
	}
	return n
}

// A merge joins the groups that two rows are in.
type merge struct {
	a, b     int
	distance float64
}

// wardGroups returns for each row of x the first row of its group, of at most so many
// groups: those of scipy 1.16's linkage by the method ward over 1 - cosine, and fcluster by
// maxclust.
func wardGroups(set *kernel.Set, x tensor.Matrix, groups int) []int {
	merges := ward(distances(set, x), x.Rows)
	slices.SortStableFunc(merges, func(a, b merge) int { return cmp.Compare(a.distance, b.distance) })
	most := merges[x.Rows-groups-1].distance
	parent := make([]int, x.Rows)
	for i := range parent {
		parent[i] = i
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for _, m := range merges {
		if m.distance > most {
			break
		}
		a, b := find(m.a), find(m.b)
		parent[max(a, b)] = min(a, b)
	}
	for i := range parent {
		parent[i] = find(i)
	}
	return parent
}

// distances returns 1 less the products of each two rows of x, between 0 and 2: that of
// rows i and j, i < j, at i·(2n-i-1)/2 + j-i-1.
func distances(set *kernel.Set, x tensor.Matrix) []float64 {
	n := x.Rows
	d := make([]float64, 0, n*(n-1)/2)
	row := make([]float32, n)
	rest := make([]float32, 0, n*x.Cols)
	for i := range n {
		rest = append(rest, x.Row(i)...)
	}
	for i := range n - 1 {
		dots := row[:n-i-1]
		set.DotFloat32(dots, x.Row(i), rest[(i+1)*x.Cols:])
		for _, v := range dots {
			if v != v { // of vectors that are not of unit length, and very long
				v = 0
			}
			d = append(d, float64(min(max(1-v, 0), 2)))
		}
	}
	return d
}

// ward returns the n-1 merges of n groups of one by Ward's method, found along chains of
// nearest neighbors (Müllner, arXiv:1109.2378, 3.2), as scipy 1.16 does. d, which is lost, has
// the distances of each two, as distances says. The groups are named by one of their rows.
func ward(d []float64, n int) []merge {
	at := func(i, j int) int {
		if i > j {
			i, j = j, i
		}
		return i*(2*n-i-1)/2 + j - i - 1
	}
	size := make([]int, n) // 0 = merged into another
	for i := range size {
		size[i] = 1
	}
	merges := make([]merge, 0, n-1)
	var chain []int
	for range n - 1 {
		if len(chain) == 0 {
			chain = append(chain, slices.IndexFunc(size, func(s int) bool { return s > 0 }))
		}
		var x, y int
		var nearest float64
		for {
			x = chain[len(chain)-1]
			y, nearest = -1, math.Inf(1)
			if len(chain) > 1 { // of equal ones the one before, so that the chain ends
				y = chain[len(chain)-2]
				nearest = d[at(x, y)]
			}
			for i, s := range size {
				if s > 0 && i != x && d[at(x, i)] < nearest {
					y, nearest = i, d[at(x, i)]
				}
			}
			if len(chain) > 1 && y == chain[len(chain)-2] {
				break
			}
			chain = append(chain, y)
		}
		chain = chain[:len(chain)-2]
		x, y = min(x, y), max(x, y)
		merges = append(merges, merge{x, y, nearest})
		sx, sy := float64(size[x]), float64(size[y])
		size[y] += size[x]
		size[x] = 0
		for i, s := range size {
			if s == 0 || i == y {
				continue
			}
			xi, yi, si := d[at(x, i)], d[at(y, i)], float64(s)
			t := 1 / (sx + sy + si)
			d[at(y, i)] = math.Sqrt((si+sx)*t*xi*xi + (si+sy)*t*yi*yi - si*t*nearest*nearest)
		}
	}
	return merges
}
