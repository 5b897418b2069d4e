package disk_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/cache/disk"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for range 2 { // as two runs of a program
		rows, err := disk.Open(filepath.Join(dir, "rows.cache"), disk.Config{MaxBytes: 1 << 30})
		if err != nil {
			log.Fatal(err)
		}
		model, err := embed.Load(context.Background(), "../../../testdata/goldens/bert/model", embed.Config{Cache: rows})
		if err != nil {
			log.Fatal(err)
		}
		result, err := model.Embed(context.Background(), []string{"The food was delicious"}, embed.Options{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Cached, "from the cache")
		model.Close()
		if err := rows.Close(); err != nil { // writes what waits
			log.Fatal(err)
		}
	}
	// Output:
	// 0 from the cache
	// 1 from the cache
}
