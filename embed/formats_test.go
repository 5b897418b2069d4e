package embed

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/quant"
)

var everyFormat = []encoding.Format{
	encoding.Float, encoding.Float16, encoding.Int8, encoding.Uint8, encoding.Binary, encoding.Ubinary, encoding.Base64,
}

// columnRanges returns the smallest and largest of each column.
func columnRanges(rows [][]float32, normalized bool) *quant.Ranges {
	r := &quant.Ranges{Min: slices.Clone(rows[0]), Max: slices.Clone(rows[0]), Normalized: normalized}
	for _, row := range rows {
		for j, x := range row {
			r.Min[j], r.Max[j] = min(r.Min[j], x), max(r.Max[j], x)
		}
	}
	return r
}

// The formats of fewer bits are those of sentence-transformers, but for components
// that lie on the edge of a step as closely as the two libraries' float32 differ.
func TestGoldenFormats(t *testing.T) {
	for _, name := range families {
		t.Run(name, func(t *testing.T) {
			c, want := readCases(t, name), readTensors(t, name, "encode.safetensors")
			m := loadGolden(t, name, Config{})
			given := &quant.Ranges{Min: want["ranges"][0], Max: want["ranges"][1], Normalized: c.Normalize}
			measured := columnRanges(want["calibration"], c.Normalize)
			plain := want["plain"]
			elements, differ := 0, 0
			// compare holds got, whose element j is made of the components that edge
			// looks at, against a row of the reference.
			compare := func(format string, i int, got []float32, edge func(j int) bool) {
				require.Len(t, got, len(want[format][i]))
				for j, x := range got {
					elements++
					if w := want[format][i][j]; x != w {
						differ++
						require.Truef(t, edge(j), "%s, text %d, element %d: %v, expected %v", format, i, j, x, w)
					}
				}
			}
			for _, v := range []struct {
				suffix string
				ranges *quant.Ranges
			}{{"", given}, {"_cal", measured}} {
				opts := Options{Unnormalized: !c.Normalize, Formats: everyFormat, Ranges: v.ranges}
				for i, e := range embedTexts(t, m, c.Texts[1:], opts).Embeddings {
					i++
					step := func(j int) bool { // the component is near the edge of a step
						size := (float64(v.ranges.Max[j]) - float64(v.ranges.Min[j])) / 255
						at := (float64(plain[i][j]) - float64(v.ranges.Min[j])) / size
						return math.Abs(at-math.Round(at))*size < goldenTolerance
					}
					compare("int8"+v.suffix, i, floats(e.Int8), step)
					compare("uint8"+v.suffix, i, floats(e.Uint8), step)
					if v.suffix != "" {
						continue
					}
					sign := func(j int) bool { // one of the eight components is near zero
						return slices.ContainsFunc(plain[i][8*j:min(8*j+8, c.Dim)], func(x float32) bool { return math.Abs(float64(x)) < goldenTolerance })
					}
					compare("binary", i, floats(e.Binary), sign)
					compare("ubinary", i, floats(e.Ubinary), sign)
				}
			}
			t.Logf("%d of %d elements differ", differ, elements)
			require.Less(t, float64(differ), 0.01*float64(elements))
		})
	}
}

func floats[E int8 | uint8](x []E) []float32 {
	f := make([]float32, len(x))
	for i := range x {
		f[i] = float32(x[i])
	}
	return f
}

// An embedding has the formats that were asked for, those of its float32, and no others.
func TestFormats(t *testing.T) {
	m := loadGolden(t, "bert", Config{})
	texts := readCases(t, "bert").Texts[1:]
	for _, opts := range []Options{{}, {Unnormalized: true}, {Dimensions: 7}} {
		single := embedTexts(t, m, texts, opts)
		lists := [][]encoding.Format{nil, everyFormat, {encoding.Ubinary, encoding.Float16}}
		for _, f := range everyFormat {
			lists = append(lists, []encoding.Format{f})
		}
		for _, opts.Formats = range lists {
			got := embedTexts(t, m, texts, opts)
			for i, e := range got.Embeddings {
				want := single.Embeddings[i]
				v := want.Float32
				want.Vector = encoding.Vector{}
				require.NoError(t, encoding.Encode(&want.Vector, v, opts.Formats, nil))
				require.Equalf(t, want, e, "%v", opts.Formats)
			}
			if slices.Contains(opts.Formats, encoding.Int8) {
				assert.Equal(t, cap(got.Embeddings[0].Int8), len(got.Embeddings[0].Int8), "an append does not reach the next embedding")
			}
		}
	}
}

// Formats cost an array each, and each base64 its string.
func TestFormatAllocations(t *testing.T) {
	skipUnderRace(t)
	m := loadGolden(t, "bert", Config{Workers: 1})
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	texts := readCases(t, "bert").Texts[1:]
	allocations := func(n int) float64 {
		run := func() { embedTexts(t, m, texts[:n], Options{Formats: everyFormat}) }
		for range 5 {
			run()
		}
		return testing.AllocsPerRun(20, run)
	}
	few, many := allocations(2), allocations(32)
	t.Logf("%v allocations for 2 texts, %v for 32", few, many)
	assert.InDelta(t, 30, many-few, 3)
}

func TestRanges(t *testing.T) {
	texts := readCases(t, "bert").Texts[1:]
	files := readModel(t, "bert")
	m := loadFiles(t, files, Config{})
	require.Nil(t, m.Info().Ranges)
	rows := func(opts Options) (rows [][]float32) {
		for _, e := range embedTexts(t, m, texts, opts).Embeddings {
			rows = append(rows, e.Float32)
		}
		return rows
	}
	unit, raw := columnRanges(rows(Options{}), true), columnRanges(rows(Options{Unnormalized: true}), false)
	short := columnRanges(rows(Options{Dimensions: 8}), true)
	int8s := []encoding.Format{encoding.Int8, encoding.Uint8}

	withFile := readModel(t, "bert")
	var b strings.Builder
	require.NoError(t, unit.Write(&b))
	write(withFile, quant.RangesFile, b.String())
	own := loadFiles(t, withFile, Config{})
	require.Equal(t, unit, own.Info().Ranges)
	own.Info().Ranges.Min[0] = 100 // a copy

	want := embedTexts(t, m, texts, Options{Formats: int8s, Ranges: unit})
	scaled := embedTexts(t, m, texts, Options{Formats: int8s})
	assert.NotEqual(t, scaled, want)
	assert.NotZero(t, scaled.Embeddings[0].Scale)
	assert.Zero(t, want.Embeddings[0].Scale)
	assert.Equal(t, want, embedTexts(t, own, texts, Options{Formats: int8s}), "the folder's")
	assert.Equal(t, embedTexts(t, m, texts, Options{Formats: int8s, Ranges: raw, Unnormalized: true}),
		embedTexts(t, own, texts, Options{Formats: int8s, Ranges: raw, Unnormalized: true}), "the option before the folder's")
	assert.Equal(t, embedTexts(t, m, texts, Options{Formats: int8s, Ranges: short, Dimensions: 8}),
		embedTexts(t, own, texts, Options{Formats: int8s, Ranges: short, Dimensions: 8}))
	// The folder's file does not stand in the way of formats that do not follow it.
	assert.Equal(t, embedTexts(t, m, texts, Options{Dimensions: 8, Unnormalized: true}), embedTexts(t, own, texts, Options{Dimensions: 8, Unnormalized: true}))

	for _, c := range []struct {
		model *Model
		opts  Options
		want  string
	}{
		{m, Options{Ranges: short}, "ranges: ranges of 8 dimensions, vectors have 24"},
		{m, Options{Ranges: unit, Dimensions: 8}, "ranges: ranges of 24 dimensions, vectors have 8"},
		{m, Options{Ranges: unit, Unnormalized: true}, "ranges: ranges of vectors that are normalized, these are not normalized"},
		{m, Options{Ranges: raw, Formats: int8s}, "ranges: ranges of vectors that are not normalized, these are normalized"},
		{m, Options{Ranges: &quant.Ranges{}}, "ranges: min is empty"},
		{own, Options{Dimensions: 8, Formats: int8s[:1]}, "ranges: quantization_ranges.json: ranges of 24 dimensions, vectors have 8"},
		{own, Options{Unnormalized: true, Formats: int8s[1:]}, "ranges: quantization_ranges.json: ranges of vectors that are normalized, these are not normalized"},
	} {
		_, err := c.model.Embed(context.Background(), texts, c.opts)
		requireOptionError(t, err, c.want)
	}

	for content, want := range map[string]string{
		`{}`: "quantization_ranges.json: expected dimensions and normalized",
		fmt.Sprintf(`{"min": [%s0], "max": [%[1]s1], "dimensions": 25, "normalized": true}`, strings.Repeat("0,", 24)): "quantization_ranges.json: 25 dimensions, expected at most 24, as the model has",
	} {
		bad := readModel(t, "bert")
		write(bad, quant.RangesFile, content)
		_, err := LoadFS(t.Context(), bad, Config{})
		assert.ErrorContains(t, err, want)
	}
}

// What a format cannot hold is an error of the input.
func TestTooLargeForAFormat(t *testing.T) {
	files := readModel(t, "bert-cls-dense")
	write(files, "2_Dense/config.json", `{"in_features": 20, "out_features": 1, "activation_function": "torch.nn.modules.linear.Identity"}`)
	files["2_Dense/model.safetensors"].Data = safetensors(t, float32Tensor("linear.weight", make([]float32, 20), 1, 20), float32Tensor("linear.bias", []float32{70000}, 1))
	m := loadFiles(t, files, Config{})
	_, err := m.Embed(context.Background(), []string{"a"}, Options{Unnormalized: true, Formats: []encoding.Format{encoding.Float16}})
	var in *InputError
	require.ErrorAs(t, err, &in)
	require.ErrorContains(t, err, "input 0: float16: component 0 is 70000, float16 goes to 65504")
	embedTexts(t, m, []string{"a"}, Options{Formats: []encoding.Format{encoding.Float16}})
}
