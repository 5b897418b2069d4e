//go:build linux

package soak

import (
	"fmt"
	"strings"
)

// draw returns a picture of samples as SVG: a curve for each quantity over the time, one
// below the other, each from 0 to its largest value.
func draw(samples []sample) string {
	const width, height, left, gap = 640.0, 90.0, 60.0, 34.0
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="11">`+"\n", left+width+20, float64(len(quantities))*(height+gap)+24)
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	last := max(samples[len(samples)-1].at.Seconds(), 1)
	for i, name := range quantities {
		top := float64(i)*(height+gap) + gap - 8
		most := 1.0
		for _, s := range samples {
			most = max(most, s.values[i])
		}
		fmt.Fprintf(&b, `<text x="%g" y="%g">%s</text>`+"\n", left, top-6, name)
		fmt.Fprintf(&b, `<path d="M%g %gV%gH%g" fill="none" stroke="#888"/>`+"\n", left, top, top+height, left+width)
		fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="end">%.0f</text><text x="%g" y="%g" text-anchor="end">0</text>`+"\n", left-6, top+8, most, left-6, top+height)
		b.WriteString(`<polyline fill="none" stroke="#2a6fb0" stroke-width="1.2" points="`)
		for _, s := range samples {
			fmt.Fprintf(&b, "%.1f,%.1f ", left+width*s.at.Seconds()/last, top+height*(1-s.values[i]/most))
		}
		b.WriteString(`"/>` + "\n")
	}
	fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="end">%.0f seconds</text>`+"\n</svg>\n", left+width, float64(len(quantities))*(height+gap)+16, last)
	return b.String()
}
