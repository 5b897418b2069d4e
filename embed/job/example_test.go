package job_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

func ExampleRun() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	input := filepath.Join(dir, "texts.jsonl")
	rows := `{"number": 1, "text": "The food was delicious"}` + "\n" + `{"number": 2, "text": ""}` + "\n"
	if err := os.WriteFile(input, []byte(rows), 0o600); err != nil {
		log.Fatal(err)
	}

	model, err := embed.Load(context.Background(), "../../testdata/goldens/bert/model", embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	for range 2 { // the second run finds that all is done
		report, err := job.Run(context.Background(), model, job.Config{
			Inputs:  []string{input},
			Output:  filepath.Join(dir, "embeddings.parquet"),
			Keep:    []string{"number"},
			OnError: job.Skip, // a row without a text is no reason to stop
			Options: embed.Options{PromptName: "document"},
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(report.Rows, "rows,", report.Failed, "failed,", report.Resumed, "of earlier runs")
	}
	// Output:
	// 2 rows, 1 failed, 0 of earlier runs
	// 2 rows, 1 failed, 2 of earlier runs
}

func ExampleRunSparse() {
	ctx := context.Background()
	model, err := sparse.Load(ctx, "../../testdata/heads/sparse-bert-max/model", embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close() //nolint:errcheck
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck
	in, out := filepath.Join(dir, "texts.txt"), filepath.Join(dir, "weights.parquet")
	if err := os.WriteFile(in, []byte("boiling water\nan old house\n"), 0o666); err != nil {
		log.Fatal(err)
	}
	report, err := job.RunSparse(ctx, model, job.Config{Inputs: []string{in}, Output: out, MaxActive: 64})
	fmt.Println(report.Rows, err)
	// Output: 2 <nil>
}

func ExampleRunMultiVector() {
	ctx := context.Background()
	model, err := multivector.Load(ctx, "../../testdata/heads/mv-bert/model", embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close() //nolint:errcheck
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck
	input, output := filepath.Join(dir, "texts.txt"), filepath.Join(dir, "vectors.jsonl")
	if err := os.WriteFile(input, []byte("boiling water\ncold tea\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	report, err := job.RunMultiVector(ctx, model, job.Config{Inputs: []string{input}, Output: output})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Rows, "rows")
	// Output: 2 rows
}

func ExampleMerge() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	input := filepath.Join(dir, "texts.txt")
	if err := os.WriteFile(input, []byte("The food was delicious\nThe river is deep\nSummer\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	model, err := embed.Load(context.Background(), "../../testdata/goldens/bert/model", embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	var parts []string
	for i := range 2 { // on two machines, perhaps
		cfg := job.Config{Inputs: []string{input}, Output: filepath.Join(dir, fmt.Sprint(i, ".npy")), Shard: i + 1, Shards: 2}
		if _, err := job.Run(context.Background(), model, cfg); err != nil {
			log.Fatal(err)
		}
		parts = append(parts, cfg.Output)
	}
	report, err := job.Merge(context.Background(), job.Config{Output: filepath.Join(dir, "all.npy")}, parts)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Rows, "rows")
	// Output: 3 rows
}
