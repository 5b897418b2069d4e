package kernel

import "math"

// The coefficients come from testdata/fit.py; rows_amd64.h has the same.
const (
	powerLow = -127      // the factor of a power of 2 is taken as 0
	expLow   = -88.02969 // -127·ln 2: the factor is 2^-127, taken as 0
	expHigh  = 89        // the factor is 2^128, +Inf
	log2e    = 1.44269502
	ln2High  = 0.693147182     // ln 2 as a float32, for fused steps
	ln2Low   = -1.9046542e-09  // ln 2 - ln2High, for fused steps
	ln2Short = 355.0 / 512     // the upper bits of ln 2: n·ln2Short is exact without fused steps
	ln2Rest  = -2.12194440e-04 // ln 2 - ln2Short
	round127 = 3<<22 + 127     // added to y, leaves round(y)+127 in the low bits

	exp2, exp3, exp4, exp5, exp6 = 0.49999994, 0.166665211, 0.0416682921, 0.00836871564, 0.00138186978

	phiHigh                            = 10.3882 // log₂ Φ is -127 there
	phi0, phi1, phi2, phi3, phi4       = -1, -1.15111101, -0.459162384, -0.0526270457, 0.00724475924
	phi5, phi6, phi7, phi8             = -0.000271650555, -0.000131624722, 2.80849217e-05, -1.9041471e-06
	pow1, pow2, pow3, pow4, pow5, pow6 = 0.693147182, 0.240226477, 0.0555035956, 0.00961850584, 0.00133910251, 0.000153267814

	cubic1 = -1.59576917   // -2·√(2/π)
	cubic3 = -0.0713548139 // -2·√(2/π)·0.044715

	tanhHigh                       = 9.3 // a·P/Q is 1 + 2e-7 there, cut to 1
	tanhP1, tanhP2, tanhP3, tanhP4 = 0.133826882, 0.00349741941, 2.0633679e-05, 1.33788278e-08
	tanhQ1, tanhQ2, tanhQ3, tanhQ4 = 0.467160106, 0.0258843172, 0.000328838796, 7.78851586e-07
)

// expGeneric returns exp(x) for x ≤ 89: with n = round(x·log₂ e) and
// r = x - n·ln 2 a polynomial in r, relative error 3.2e-9, times 2^n. It is 0
// below -126.5·ln 2 (-87.68) and +Inf above 127.5·ln 2 (88.38).
func expGeneric(x float32) float32 {
	if x < expLow {
		x = expLow
	}
	k := float32(x*log2e) + round127
	n := k - round127
	r := x - float32(n*ln2Short) - float32(n*ln2Rest)
	p := next(exp5, r, exp6)
	p = next(exp2, r, next(exp3, r, next(exp4, r, p)))
	p = next(1, r, next(1, r, p))
	return p * math.Float32frombits(math.Float32bits(k)<<23)
}

// next returns c + x·p, a step of a polynomial. The product is rounded: no compiler fuses it
// with the sum, so that plain Go has the same bits on every architecture.
func next(c, x, p float32) float32 { return c + float32(x*p) }

// finePower returns 2^y for y ≤ 127, which is 0 below -126.5: a polynomial for what
// y is beside the nearest whole number, relative error 3e-9.
func finePower(y float32) float32 {
	if y < powerLow {
		y = powerLow
	}
	k := y + round127
	f := y - (k - round127)
	p := next(pow3, f, next(pow4, f, next(pow5, f, pow6)))
	p = next(1, f, next(pow1, f, next(pow2, f, p)))
	return p * math.Float32frombits(math.Float32bits(k)<<23)
}

// logistic returns x / (1 + exp(y)).
func logistic(x, y float32) float32 {
	if y > expHigh {
		y = expHigh
	}
	return x / (1 + expGeneric(y))
}

// geluOf returns x·Φ(x) as max(x, 0) - |x|·Φ(-|x|): log₂ Φ(-a) is a
// polynomial in a, its error weighted by a·Φ(-a)·ln 2 at most 9.1e-9, and 2 to
// that power is 2^n times a polynomial in the rest, relative error 3e-9.
func geluOf(x float32) float32 {
	a := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	b := a
	positive := float32(0)
	if !(x < 0) {
		positive = x
	}
	if a > phiHigh {
		a = phiHigh
		if x > 0 {
			b = a
		}
	}
	y := next(phi4, a, next(phi5, a, next(phi6, a, next(phi7, a, phi8))))
	y = next(phi0, a, next(phi1, a, next(phi2, a, next(phi3, a, y))))
	return positive - float32(b*finePower(y))
}

// tanhOf returns tanh(x) as x·P(x²)/Q(x²), relative error 2.5e-8, at most 1.
func tanhOf(x float32) float32 {
	a := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	if a > tanhHigh {
		a = tanhHigh
	}
	s := a * a
	p := a * next(1, s, next(tanhP1, s, next(tanhP2, s, next(tanhP3, s, tanhP4))))
	q := next(1, s, next(tanhQ1, s, next(tanhQ2, s, next(tanhQ3, s, tanhQ4))))
	t := p / q
	if t > 1 {
		t = 1
	}
	return math.Float32frombits(math.Float32bits(t)&^(1<<31) | math.Float32bits(x)&(1<<31))
}

// geluGeneric replaces x by x·Φ(x) with Φ(x) = (1 + erf(x/√2))/2, for
// rows×cols elements, ld apart from row to row.
func geluGeneric(x []float32, ld, rows, cols int) {
	for i := range rows {
		row := x[i*ld:][:cols]
		for j, v := range row {
			row[j] = geluOf(v)
		}
	}
}

// geluTanhGeneric replaces x by x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), which
// is x / (1 + exp(-2·√(2/π)·(x + 0.044715·x³))).
func geluTanhGeneric(x []float32, ld, rows, cols int) {
	for i := range rows {
		row := x[i*ld:][:cols]
		for j, v := range row {
			row[j] = logistic(v, v*next(cubic1, v*v, cubic3))
		}
	}
}

// siluGeneric replaces x by x/(1 + exp(-x)).
func siluGeneric(x []float32, ld, rows, cols int) {
	for i := range rows {
		row := x[i*ld:][:cols]
		for j, v := range row {
			row[j] = logistic(v, -v)
		}
	}
}

// reluGeneric replaces x by max(x, 0); a NaN stays.
func reluGeneric(x []float32, ld, rows, cols int) {
	for i := range rows {
		row := x[i*ld:][:cols]
		for j, v := range row {
			if v < 0 {
				row[j] = 0
			}
		}
	}
}

// tanhGeneric replaces x by tanh(x).
func tanhGeneric(x []float32, ld, rows, cols int) {
	for i := range rows {
		row := x[i*ld:][:cols]
		for j, v := range row {
			row[j] = tanhOf(v)
		}
	}
}

// sum16 adds partial sums as a tree: i and i+8, then +4, +2, +1.
func sum16(p *[16]float32) float32 {
	for step := 8; step > 0; step /= 2 {
		for i := range step {
			p[i] += p[i+step]
		}
	}
	return p[0]
}

// softmaxGeneric replaces x by e = 2^((x-highest)·factor), highest the largest of x and
// least, and returns Σ e in 16 partial sums.
func softmaxGeneric(x []float32, factor, least float32) (total, highest float32) {
	highest = largest(x, least)
	var p [16]float32
	for i, v := range x {
		e := finePower((v - highest) * factor)
		x[i] = e
		p[i%16] += e
	}
	return sum16(&p), highest
}

// largest returns the largest of x and least. A NaN is left out.
func largest(x []float32, least float32) float32 {
	for _, v := range x {
		if v > least {
			least = v
		}
	}
	return least
}

// layerNormGeneric writes dst = (s-mean(s))·(1/√(var(s)+eps))·gamma + beta with
// s = x+add, or s = x where add is empty. The sums have 16 parts.
func layerNormGeneric(dst, x, add, gamma, beta []float32, eps float32) {
	var p [16]float32
	if len(add) == 0 {
		copy(dst, x)
	} else {
		for i := range dst {
			dst[i] = x[i] + add[i]
		}
	}
	for i, v := range dst {
		p[i%16] += v
	}
	mean := sum16(&p) / float32(len(dst))
	p = [16]float32{}
	for i, v := range dst {
		p[i%16] += float32((v - mean) * (v - mean))
	}
	root := 1 / float32(math.Sqrt(float64(sum16(&p)/float32(len(dst))+eps)))
	for i, v := range dst {
		dst[i] = float32((v-mean)*root*gamma[i]) + beta[i]
	}
}

// rmsNormGeneric writes dst = x·(1/√(mean(x²)+eps))·gamma. The sum has 16 parts.
func rmsNormGeneric(dst, x, gamma []float32, eps float32) {
	var p [16]float32
	for i, v := range x {
		p[i%16] += float32(v * v)
	}
	root := 1 / float32(math.Sqrt(float64(sum16(&p)/float32(len(x))+eps)))
	for i, v := range x {
		dst[i] = v * root * gamma[i]
	}
}

// axpyGeneric computes dst = a·x + dst.
func axpyGeneric(dst, x []float32, a float32) {
	for i, v := range x {
		dst[i] += float32(a * v)
	}
}

// mulGeneric computes dst = dst∘x.
func mulGeneric(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] *= x[i]
	}
}

// maxGeneric computes dst = max(dst, x); a NaN in either stays.
func maxGeneric(dst, x []float32) {
	for i, v := range x {
		switch d := dst[i]; {
		case v > d || v != v:
			dst[i] = v
		case v == d: // two zeros: the sign is negative if one is
			dst[i] = math.Float32frombits(math.Float32bits(v) | math.Float32bits(d))
		}
	}
}

// scaleGeneric computes dst = a·dst.
func scaleGeneric(dst []float32, a float32) {
	for i := range dst {
		dst[i] *= a
	}
}
