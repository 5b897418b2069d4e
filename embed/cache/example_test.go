package cache_test

import (
	"context"
	"fmt"
	"log"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/cache"
)

func ExampleNewMemory() {
	ctx := context.Background()
	rows := cache.NewMemory(256 << 20)
	model, err := embed.Load(ctx, "../../testdata/goldens/bert/model", embed.Config{Cache: rows})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	for _, opts := range []embed.Options{{}, {Dimensions: 8}} { // cut from the same row
		result, err := model.Embed(ctx, []string{"The food was delicious", "The soup was cold"}, opts)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Cached, "of", len(result.Embeddings), "from the cache")
	}
	fmt.Println(rows.Stats().Hits, "hits")
	// Output:
	// 0 of 2 from the cache
	// 2 of 2 from the cache
	// 2 hits
}
