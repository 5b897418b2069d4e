package search_test

import (
	"fmt"

	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/search"
)

// Three vectors are stored as bits, which a search goes through first, and as
// int8 with a scale each, which rank what it found.
func Example() {
	vectors := [][]float32{
		{0.8, 0.1, -0.5, 0.3, 0, 0, 0, 0},
		{-0.7, 0.2, 0.6, -0.3, 0, 0, 0.1, 0},
		{0.6, 0.2, -0.7, 0.3, 0, 0.1, 0, 0},
	}
	query := []float32{0.6, 0.1, -0.7, 0.4, 0, 0, 0, 0}
	const d = 8

	var bits []uint8
	var numbers []int8
	var scales []float32
	for _, v := range vectors {
		var scale float32
		var err error
		if bits, err = quant.AppendBits(bits, v); err != nil {
			fmt.Println(err)
		}
		if numbers, scale, err = quant.AppendScaled(numbers, v); err != nil {
			fmt.Println(err)
		}
		scales = append(scales, scale)
	}

	found, err := search.Nearest(search.Signs, query, bits, 2)
	if err != nil {
		fmt.Println(err)
	}
	err = search.Rescore(search.Dot, found, func(row int) (float32, error) {
		score, err := search.Score(search.Dot, query, numbers[row*d:][:d])
		return score * scales[row], err
	})
	if err != nil {
		fmt.Println(err)
	}
	for _, f := range found {
		fmt.Printf("row %d: %.2f\n", f.Row, f.Score)
	}
	// Output:
	// row 2: 0.99
	// row 0: 0.96
}

func ExampleNearest() {
	query := []float32{1, 0}
	rows := []float32{ // one after the other
		0.6, 0.8,
		0.8, -0.6,
		-1, 0,
	}
	found, err := search.Nearest(search.Cosine, query, rows, 2)
	if err != nil {
		fmt.Println(err)
	}
	for _, f := range found {
		fmt.Println(f.Row, f.Score)
	}
	// Output:
	// 1 0.8
	// 0 0.6
}

func ExampleScore() {
	for _, m := range []search.Metric{search.Dot, search.Cosine, search.Euclidean} {
		score, err := search.Score(m, []float32{3, 0}, []float32{3, 4})
		fmt.Println(m, score, err)
	}
	// Output:
	// dot 9 <nil>
	// cosine 0.6 <nil>
	// euclidean 4 <nil>
}

func ExampleScores() {
	scores := make([]float32, 2)
	err := search.Scores(scores, search.Dot, []float32{1, 2}, []float32{1, 0, 0, 1})
	fmt.Println(scores, err)
	// Output: [1 2] <nil>
}

// What was found by one vector is put in the order of another one.
func ExampleRescore() {
	exact := []float32{0.2, 0.9, 0.5}
	found := []search.Match{{Row: 0, Score: 0.7}, {Row: 2, Score: 0.6}}
	err := search.Rescore(search.Dot, found, func(row int) (float32, error) { return exact[row], nil })
	fmt.Println(found, err)
	// Output: [{2 0.5} {0 0.2}] <nil>
}

// Documents are scored by whatever says how well they answer.
func ExampleBest() {
	words := []string{"depth", "a", "river"}
	found, err := search.Best(len(words), 2, func(row int) (float32, error) { return float32(len(words[row])), nil })
	fmt.Println(found, err)
	// Output: [{0 5} {2 5}] <nil>
}
