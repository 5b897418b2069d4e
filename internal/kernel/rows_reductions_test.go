package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// A reduction is checked on every length: the bits against the sum of 16 parts
// and its tree, the value against float64.
func TestReductions(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 26))
	for n := 1; n <= 130; n++ {
		x, add := randomMatrix(rng, 1, n, n).Data, randomMatrix(rng, 1, n, n).Data
		gamma, beta := randomMatrix(rng, 1, n, n).Data, randomMatrix(rng, 1, n, n).Data
		const eps = 1e-5
		const scale = 0.37
		factor := float32(scale)
		factor *= log2e

		// softmax
		largest := float32(math.Inf(-1))
		for _, v := range x {
			largest = max(largest, v)
		}
		soft := make([]float32, n)
		var parts [16]float32
		for i, v := range x {
			soft[i] = power32((v - largest) * factor)
			parts[i%16] += soft[i]
		}
		total := sum16(&parts)
		var exact float64
		for _, v := range x {
			exact += math.Exp(float64(v-largest) * scale)
		}
		// layer norm
		sum := make([]float32, n)
		var wide float64
		parts = [16]float32{}
		for i := range x {
			sum[i] = x[i] + add[i]
			parts[i%16] += sum[i]
			wide += float64(sum[i])
		}
		mean := sum16(&parts) / float32(n)
		wide /= float64(n)
		var variance float64
		parts = [16]float32{}
		for i, v := range sum {
			parts[i%16] = fma32(v-mean, v-mean, parts[i%16])
			variance += (float64(v) - wide) * (float64(v) - wide)
		}
		root := 1 / float32(math.Sqrt(float64(sum16(&parts)/float32(n)+eps)))
		norm := make([]float32, n)
		for i, v := range sum {
			norm[i] = fma32((v-mean)*root, gamma[i], beta[i])
		}
		// RMS norm
		parts = [16]float32{}
		var squares float64
		for i, v := range x {
			parts[i%16] = fma32(v, v, parts[i%16])
			squares += float64(v) * float64(v)
		}
		root = 1 / float32(math.Sqrt(float64(sum16(&parts)/float32(n)+eps)))
		rms := make([]float32, n)
		for i, v := range x {
			rms[i] = v * root * gamma[i]
		}

		for _, s := range sets {
			got := clone(x)
			gotTotal := s.Exponentials(got, scale)
			if !s.rounds {
				sameBits(t, soft, got, "%s softmax of %d", s.name, n)
				sameBits(t, []float32{total}, []float32{gotTotal}, "%s total of %d", s.name, n)
			}
			// n/16 + 4 additions of positive numbers, each within 2^-24, and exp within 2e-7.
			require.InEpsilonf(t, exact, float64(gotTotal), 1e-6, "%s total of %d", s.name, n)
			got = clone(x)
			s.Softmax(got, scale)
			for i, v := range x {
				require.InDeltaf(t, math.Exp(float64(v-largest)*scale)/exact, float64(got[i]), 1e-6, "%s softmax of %d, element %d", s.name, n, i)
			}

			for _, inPlace := range []bool{false, true} {
				dst, from := make([]float32, n), clone(x)
				if inPlace {
					dst = from
				}
				s.LayerNorm(dst, from, add, gamma, beta, eps)
				if !s.rounds {
					sameBits(t, norm, dst, "%s layer norm of %d", s.name, n)
				}
				for i, v := range sum {
					want := (float64(v)-wide)/math.Sqrt(variance/float64(n)+eps)*float64(gamma[i]) + float64(beta[i])
					// A few roundings of values of the size of a few; with one or two
					// elements the root is up to 1/√eps, and so is what it multiplies.
					require.InDeltaf(t, want, float64(dst[i]), 1e-4, "%s layer norm of %d, element %d", s.name, n, i)
				}
				dst, from = make([]float32, n), clone(x)
				if inPlace {
					dst = from
				}
				s.RMSNorm(dst, from, gamma, eps)
				if !s.rounds {
					sameBits(t, rms, dst, "%s RMS norm of %d", s.name, n)
				}
				for i, v := range x {
					want := float64(v) / math.Sqrt(squares/float64(n)+eps) * float64(gamma[i])
					require.InDeltaf(t, want, float64(dst[i]), 1e-5, "%s RMS norm of %d, element %d", s.name, n, i)
				}
			}
			// Without a second summand: as with zeros.
			withZeros, without := make([]float32, n), make([]float32, n)
			s.LayerNorm(withZeros, x, make([]float32, n), gamma, beta, eps)
			s.LayerNorm(without, x, nil, gamma, beta, eps)
			sameBits(t, withZeros, without, "%s layer norm of %d without add", s.name, n)

			axpy, product, larger, scaled := clone(x), clone(x), clone(x), clone(x)
			s.Axpy(axpy, add, 0.7)
			s.Mul(product, add)
			s.Max(larger, add)
			s.Scale(scaled, 0.7)
			for i, v := range x {
				if !s.rounds {
					require.Equal(t, fma32(add[i], 0.7, v), axpy[i])
				}
				require.InDelta(t, float64(add[i])*float64(float32(0.7))+float64(v), float64(axpy[i]), 1e-6)
				require.Equal(t, v*add[i], product[i])
				require.Equal(t, max(v, add[i]), larger[i])
				require.Equal(t, v*0.7, scaled[i])
			}
		}
	}
}
