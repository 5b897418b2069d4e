package chunk_test

import (
	"fmt"
	"log"

	"github.com/rhumb-go/rhumb/embed/chunk"
	"github.com/rhumb-go/rhumb/tokenizer"
)

func ExampleSplit() {
	t, err := tokenizer.Load("../minilm/model/tokenizer.json") // or Model.Tokenizer
	if err != nil {
		log.Fatal(err)
	}
	text := "The food was delicious. We came again, and again.\n\nThe wine was not. It was old, but not in a good way."
	chunks, err := chunk.Split(t, text, chunk.Config{MaxTokens: 14, Overlap: 4})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range chunks {
		fmt.Printf("%d-%d, %d tokens: %q\n", c.Start, c.End, c.Tokens, text[c.Start:c.End])
	}
	// Output:
	// 0-51, 14 tokens: "The food was delicious. We came again, and again.\n\n"
	// 39-69, 10 tokens: "and again.\n\nThe wine was not. "
	// 55-94, 14 tokens: "wine was not. It was old, but not in a "
	// 81-103, 9 tokens: "but not in a good way."
}
