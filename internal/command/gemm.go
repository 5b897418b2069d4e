package command

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A productTime is how long the product C(m×n) = A(m×k)·B(k×n) takes. Its JSON form is one that
// scripts rely on.
type productTime struct {
	M         int     `json:"m"`
	N         int     `json:"n"`
	K         int     `json:"k"`
	Seconds   float64 `json:"seconds"` // the median
	Rate      float64 `json:"gflops"`
	Peak      float64 `json:"peak_gflops"`
	Precision string  `json:"precision"`
	Kernels   string  `json:"kernels"`
	Threads   int     `json:"threads"`
}

// gemm measures the products of a layer by themselves, on one thread, the
// packing of the rows included.
func (b *benchmark) gemm(ctx context.Context, model *modelFlags, asJSON bool) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	hidden, intermediate, err := layerShape(ctx, b.console, model)
	if err != nil {
		return err
	}
	w := b.console.stdout
	show := json.NewEncoder(w).Encode
	if !asJSON {
		fmt.Fprintf(w, "%s, kernels %s, threads 1, %s %s/%s\n", b.format, b.set.Name(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		fmt.Fprintf(w, "%6s %6s %6s %10s %9s %9s %7s\n", "m", "n", "k", "median µs", "GFLOP/s", "peak", "of peak")
		show = func(v any) error {
			t := v.(productTime)
			_, err := fmt.Fprintf(w, "%6d %6d %6d %10.1f %9.1f %9.1f %6.1f%%\n", t.M, t.N, t.K, t.Seconds*1e6, t.Rate, t.Peak, 100*t.Rate/t.Peak)
			return err
		}
	}
	for _, nk := range [][2]int{{hidden, hidden}, {3 * hidden, hidden}, {intermediate, hidden}, {hidden, intermediate}} {
		for _, m := range []int{16, 32, 64, 128, 256, 512} {
			n, k := nk[0], nk[1]
			seconds, err := b.product(ctx, m, n, k)
			if err != nil {
				return err
			}
			rate := 2 * float64(m) * float64(n) * float64(k) / seconds / 1e9
			if err := show(productTime{m, n, k, seconds, rate, b.peak / 1e9, b.format.String(), b.set.Name(), 1}); err != nil {
				return err
			}
		}
	}
	return nil
}

// product returns the median seconds of C(m×n) = A(m×k)·B(k×n).
func (b *benchmark) product(ctx context.Context, m, n, k int) (float64, error) {
	random := rand.New(rand.NewPCG(1, 2))
	fill := func(rows, cols int) tensor.Matrix {
		x := tensor.NewMatrix(rows, cols)
		for i := range x.Data {
			x.Data[i] = random.Float32() - 0.5
		}
		return x
	}
	x, weights, dst := fill(m, k), fill(n, k), tensor.NewMatrix(m, n)
	var panels kernel.Panels
	panels.Resize(b.format, k, n)
	for p := range panels.Count() {
		b.set.PackTransposed(&panels, p, weights.Slice(p*kernel.Panel, min(n, (p+1)*kernel.Panel)))
	}
	var rows kernel.Rows
	rows.Resize(b.set, m, &panels)
	run := func() {
		for t := range rows.Tiles() {
			b.set.PackRows(&rows, t, x)
		}
		for t := 0; t < rows.Tiles(); t += rows.BlockTiles() {
			end := min(t+rows.BlockTiles(), rows.Tiles())
			from, _ := rows.Span(t)
			_, to := rows.Span(end - 1)
			b.set.Multiply(dst.Slice(from, to), &rows, t, end, &panels, 0, panels.Count(), 0, kernel.Identity)
		}
	}
	run()
	b.peak = max(b.peak, peak(b.set, b.format, 1))
	var seconds []float64
	for begin := time.Now(); len(seconds) < 2 || time.Since(begin) < b.seconds/4; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		start := time.Now()
		run()
		seconds = append(seconds, time.Since(start).Seconds())
	}
	return median(seconds), nil
}

// layerShape returns the widths of the model's layers.
func layerShape(ctx context.Context, c *console, model *modelFlags) (hidden, intermediate int, err error) {
	dir, _, err := model.find(ctx, c)
	if err != nil {
		return 0, 0, err
	}
	if dir == "" {
		return 384, 1536, nil // the config.json of the one inside the binary
	}
	path := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, fmt.Errorf("%w; --gemm takes the widths of layers of a folder's config.json", err)
	}
	var config struct {
		Hidden       int `json:"hidden_size"`
		Intermediate int `json:"intermediate_size"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	const limit = 1 << 16
	for _, n := range []int{config.Hidden, config.Intermediate} {
		if n < 1 || n > limit {
			return 0, 0, fmt.Errorf("%s: hidden_size %d, intermediate_size %d: expected 1 to %d",
				path, config.Hidden, config.Intermediate, limit)
		}
	}
	return config.Hidden, config.Intermediate, nil
}
