package transformer

import "math"

// A DistanceBias is added to scores, by how far the key lies behind the query.
type DistanceBias struct {
	Slopes []float32   // of each head: slope·-|distance|, the symmetric form of ALiBi (arXiv:2108.12409)
	Near   [][]float32 // of each head: the bias of each bucket

	Buckets []int32 // that of the distances -n to n, which holds beyond them too
}

// appendTo appends the bias of a head at the distances from 1-length to length-1.
func (b *DistanceBias) appendTo(dst []float32, head, length int) []float32 {
	for d := 1 - length; d < length; d++ {
		if b.Slopes != nil {
			dst = append(dst, -b.Slopes[head]*float32(max(d, -d)))
			continue
		}
		n := len(b.Buckets) / 2
		dst = append(dst, b.Near[head][b.Buckets[min(max(d, -n), n)+n]])
	}
	return dst
}

// slopes returns the slopes of ALiBi for so many heads: a geometric sequence from
// 2^(-8/n) on, n the largest power of 2 that is not above heads, and for the
// other heads every second one of the sequence for 2n.
func slopes(heads int) []float32 {
	n := 1
	for 2*n <= heads {
		n *= 2
	}
	list := make([]float32, heads)
	for i := range list {
		if i < n {
			list[i] = float32(math.Pow(2, -8*float64(i+1)/float64(n)))
		} else {
			list[i] = float32(math.Pow(2, -4*float64(2*(i-n)+1)/float64(n)))
		}
	}
	return list
}

// bucket returns the bucket of a distance: half of the buckets are for keys
// behind the query; of each half the first half holds one distance each and the
// others grow by a power up to farthest (arXiv:1910.10683, 2.1; transformers
// 5.23, T5Attention._relative_position_bucket, in float32 as there).
func bucket(distance, buckets, farthest int) int {
	half, from := buckets/2, 0
	if distance > 0 {
		from = half
	}
	distance = max(distance, -distance)
	exact := half / 2
	if distance < exact {
		return from + distance
	}
	ratio := float32(math.Log(float64(float32(distance) / float32(exact))))
	grown := float32(ratio/float32(math.Log(float64(farthest)/float64(exact)))) * float32(half-exact)
	return from + min(exact+int(grown), half-1)
}

// buckets expects n, under relative_attention_num_buckets, to be even and at most most.
func (w *weights) buckets(n, most int) {
	if n < 4 || n%2 != 0 || n > most {
		w.refusef("relative_attention_num_buckets: found %d, expected an even number from 4 to %d", n, most)
	}
}

// farthest expects n, under relative_attention_max_distance, to be in none of the buckets
// that hold one distance each.
func (w *weights) farthest(n, buckets, most int) {
	if exact := buckets / 4; n <= exact || n > most {
		w.refusef("relative_attention_max_distance: found %d, expected a number above %d and up to %d", n, exact, most)
	}
}

// relativeBias returns the bias that the table under name (buckets×heads) holds.
func (w *weights) relativeBias(name string, buckets, heads, farthest int) *DistanceBias {
	b := new(DistanceBias)
	t, ok := w.at(name).tensor("weight", buckets, heads)
	if !ok {
		return b
	}
	table := make([]float32, buckets*heads)
	w.convert(table, t, 0)
	byHead := w.floats(len(table))
	for h := range heads {
		near := byHead[h*buckets:][:buckets]
		for i := range near {
			near[i] = table[i*heads+h]
		}
		b.Near = append(b.Near, near)
	}
	for d := -farthest; d <= farthest; d++ {
		b.Buckets = append(b.Buckets, int32(bucket(d, buckets, farthest)))
	}
	w.bytes += 4 * int64(len(b.Buckets))
	return b
}
