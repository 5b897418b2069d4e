package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/rhumb-go/rhumb/embed/embedhttp"
)

// Limits of a file of API keys, which may be a pipe.
const (
	keysTime = 10 * time.Second // for whoever writes it
	keysSize = 1 << 20          // bytes
)

// readKeys reads a file of API keys, as embedhttp.ParseKeys takes it.
func readKeys(ctx context.Context, file string) (keys []embedhttp.Key, err error) {
	content, err := readWithin(ctx, file)
	if err != nil {
		return nil, err
	}
	if keys, err = embedhttp.ParseKeys(content); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return keys, nil
}

// readWithin reads file in keysTime. A pipe that nobody writes to is left to a
// goroutine, as nothing ends its opening.
func readWithin(ctx context.Context, file string) ([]byte, error) {
	type outcome struct {
		content []byte
		err     error
	}
	done := make(chan outcome, 1)
	go func() {
		content, err := readSmall(file)
		done <- outcome{content, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, keysTime)
	defer cancel()
	select {
	case o := <-done:
		return o.content, o.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fmt.Errorf("%s: a pipe of which nobody has written the end within %v", file, keysTime)
		}
		return nil, ctx.Err()
	}
}

// readSmall reads a file of at most keysSize.
func readSmall(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, keysSize+1))
	if len(content) > keysSize {
		return nil, fmt.Errorf("%s: more than %d bytes, expected API keys, one a line", file, keysSize)
	}
	return content, err
}

// openKeys returns the API keys in file, and what reads them again; "" = none.
func openKeys(ctx context.Context, file string, log *slog.Logger) (*embedhttp.Keys, reread, error) {
	if file == "" {
		return nil, func(context.Context) {}, nil
	}
	lines, err := readKeys(ctx, file)
	if err != nil {
		return nil, nil, err
	}
	keys := new(embedhttp.Keys)
	return keys, func(ctx context.Context) {
		lines, err := readKeys(ctx, file)
		if err == nil {
			err = keys.SetLimited(lines)
		}
		if err != nil {
			log.Error("the API keys stay as they were", "file", file, "error", err)
			return
		}
		log.Info("API keys read again", "file", file, "keys", len(lines))
	}, keys.SetLimited(lines)
}
