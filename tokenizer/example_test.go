package tokenizer_test

import (
	"fmt"
	"log"
	"os"

	"github.com/rhumb-go/rhumb/tokenizer"
)

const folder = "../embed/minilm/model"

func ExampleLoad() {
	t, err := tokenizer.Load(folder + "/tokenizer.json")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.VocabSize(), "tokens")
	fmt.Println(t.ID("food"))
	// Output:
	// 30522 tokens
	// 2833 true
}

func ExampleLoadFS() {
	t, err := tokenizer.LoadFS(os.DirFS(folder))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Count("The food was delicious", tokenizer.Options{}))
	// Output: 6
}

func ExampleLoadAs() {
	t, err := tokenizer.LoadAs(os.DirFS(folder), 5) // whatever version the folder names
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Version(), t.Reading())
	// Output: 5 []
}

func ExampleParse() {
	t, err := tokenizer.Parse([]byte(`{
		"pre_tokenizer": {"type": "Whitespace"},
		"model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "a": 1, "b": 2}}
	}`))
	if err != nil {
		log.Fatal(err)
	}
	e, err := t.Encode("a b c", tokenizer.Options{})
	fmt.Println(e.IDs, err)
	// Output: [1 2 0] <nil>
}

func ExampleTokenizer_Encode() {
	t := load()
	e, err := t.Encode("The food was delicious", tokenizer.Options{MaxTokens: 5})
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range e.IDs {
		token, _ := t.Token(id)
		fmt.Println(id, token)
	}
	fmt.Println(e.Truncated, "dropped")
	// Output:
	// 101 [CLS]
	// 1996 the
	// 2833 food
	// 2001 was
	// 102 [SEP]
	// 1 dropped
}

func ExampleTokenizer_Decode() {
	text, err := load().Decode([]int32{101, 1996, 2833, 102}, tokenizer.DecodeOptions{})
	fmt.Println(text, err)
	// Output: the food <nil>
}

func ExampleTokenizer_EncodePair() {
	e, err := load().EncodePair("a question", "its answer", tokenizer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.IDs)
	fmt.Println(e.Types)
	// Output:
	// [101 1037 3160 102 2049 3437 102]
	// [0 0 0 0 1 1 1]
}

func ExampleTokenizer_EncodeOffsets() {
	text := "Das Essen war köstlich"
	e, err := load().EncodeOffsets(text, tokenizer.Options{NoSpecial: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range e.Offsets {
		fmt.Printf("%q ", text[o.Start:o.End])
	}
	fmt.Println()
	// Output: "Das" "Essen" "war" "kö" "st" "lich"
}

func load() *tokenizer.Tokenizer {
	t, err := tokenizer.Load(folder + "/tokenizer.json")
	if err != nil {
		log.Fatal(err)
	}
	return t
}

// Texts of any number, on all CPUs.
func ExampleTokenizer_EncodeAll() {
	tokens, err := tokenizer.Load("../testdata/goldens/bert/model/tokenizer.json")
	if err != nil {
		log.Fatal(err)
	}
	list, err := tokens.EncodeAll([]string{"a river", "a bank of the river"}, tokenizer.Options{MaxTokens: 5}, 0)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range list {
		fmt.Println(len(e.IDs), "tokens,", e.Truncated, "dropped")
	}
	// Output:
	// 5 tokens, 0 dropped
	// 5 tokens, 6 dropped
}
