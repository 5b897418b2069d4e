// Command sqlite-vec searches what rhumb batch wrote, in a database of SQLite: its extension
// sqlite-vec, which is part of the pure-Go driver, finds the vectors that are nearest to a
// question's.
package main

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	_ "modernc.org/sqlite"
	_ "modernc.org/sqlite/vec"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: sqlite-vec EMBEDDINGS.jsonl DATABASE QUESTION")
	}
	if err := run(context.Background(), os.Stdout, os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal("sqlite-vec: ", err)
	}
}

// run loads rows into a database, and writes those that are nearest to a question to w.
func run(ctx context.Context, w io.Writer, rows, database, question string) (err error) {
	db, err := sql.Open("sqlite", database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	file, err := os.Open(rows)
	if err != nil {
		return err
	}
	defer file.Close()
	n, err := load(ctx, db, file)
	if err != nil {
		return fmt.Errorf("%s: %w", rows, err)
	}
	fmt.Fprintf(w, "%d rows\n", n)

	// The model that made the rows.
	model, err := minilm.Load(ctx, embed.Config{}) // or embed.Load(ctx, "path/to/model", embed.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	query, err := model.Embed(ctx, []string{question}, embed.Options{PromptName: "query"})
	if err != nil {
		return err
	}
	return nearest(ctx, w, db, query.Embeddings[0].Float32, 3)
}

// load makes the table of rows anew from a file of JSON lines, and returns their number.
func load(ctx context.Context, db *sql.DB, r io.Reader) (n int, err error) {
	tx, err := db.BeginTx(ctx, nil) // all rows, or none
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	for lines := json.NewDecoder(r); ; n++ {
		var row struct {
			ID        json.RawMessage
			Text      string
			Embedding []float32
			Error     string
		}
		if err := lines.Decode(&row); err == io.EOF {
			return n, tx.Commit()
		} else if err != nil {
			return n, fmt.Errorf("row %d: %w", n, err)
		}
		if row.Embedding == nil {
			return n, fmt.Errorf("row %d: no embedding: %s", n, row.Error)
		}
		if n == 0 {
			// Columns with + are kept beside the vectors.
			table := fmt.Sprintf("create virtual table docs using vec0(embedding float[%d] distance_metric=cosine, +id text, +text text)", len(row.Embedding))
			for _, statement := range []string{"drop table if exists docs", table} {
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return n, err
				}
			}
		}
		_, err := tx.ExecContext(ctx, "insert into docs(embedding, id, text) values (?, ?, ?)", blob(row.Embedding), string(row.ID), row.Text)
		if err != nil {
			return n, fmt.Errorf("row %d: %w", n, err)
		}
	}
}

// nearest writes the k rows whose vectors have the least cosine distance to a query's.
func nearest(ctx context.Context, w io.Writer, db *sql.DB, query []float32, k int) (err error) {
	found, err := db.QueryContext(ctx, "select id, text, distance from docs where embedding match ? and k = ? order by distance", blob(query), k)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var id, text string
		var distance float64
		if err := found.Scan(&id, &text, &distance); err != nil {
			return err
		}
		fmt.Fprintf(w, "%.3f  %s  %s\n", 1-distance, id, text)
	}
	return found.Err()
}

// blob returns a vector as sqlite-vec reads it: float32 numbers, little-endian.
func blob(vector []float32) []byte {
	data, err := binary.Append(nil, binary.LittleEndian, vector)
	if err != nil {
		panic(err) // numbers always have a form
	}
	return data
}
