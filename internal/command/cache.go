package command

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/cache"
	"github.com/rhumb-go/rhumb/embed/cache/disk"
)

// cacheFlags are those of a cache of what the model makes of inputs.
type cacheFlags struct {
	place string // a size or a file; "" = none
	size  string // of the file
	cmd   *cobra.Command
}

func (f *cacheFlags) add(cmd *cobra.Command) {
	f.cmd = cmd
	flags := cmd.Flags()
	flags.StringVar(&f.place, "cache", "", "keep what the model makes of inputs, so that those that come again are not computed again: in memory up to a `SIZE|FILE` such as 512MB, or in a file, where the next run finds it (default: not kept)")
	flags.StringVar(&f.size, "cache-size", "4GiB", "about how large the file of --cache grows, `SIZE`; then what was not used for long goes")
}

// A rowCache is a cache with numbers, to be closed.
type rowCache interface {
	embed.Cache
	Stats() cache.Stats
	Close() error
}

// memoryCache is a rowCache in memory.
type memoryCache struct{ *cache.Memory }

// Close has nothing to do.
func (memoryCache) Close() error { return nil }

// open returns the cache that the flags ask for, nil where they ask for none. failed is
// told why a file is not used any more; nil = Close says it.
func (f *cacheFlags) open(c *console, failed func(error)) (rowCache, error) {
	most, err := parseSize(f.size)
	if err != nil {
		return nil, usagef("--cache-size %s: %w", f.size, err)
	}
	inMemory := f.place != "" && f.place[0] >= '0' && f.place[0] <= '9'
	if (f.place == "" || inMemory) && f.cmd.Flags().Changed("cache-size") {
		return nil, usagef("--cache-size %s: bounds the file of --cache, which names none", f.size)
	}
	if f.place == "" {
		return nil, nil
	}
	if inMemory {
		memory, err := parseSize(f.place)
		if err != nil {
			return nil, usagef("--cache %s: %w; give a file whose name begins with a digit as ./%s", f.place, err, f.place)
		}
		return memoryCache{cache.NewMemory(memory)}, nil
	}
	if most < disk.LeastMaxBytes {
		return nil, usagef("--cache-size %s: must be %d MiB or more", f.size, disk.LeastMaxBytes>>20)
	}
	store, err := disk.Open(f.place, disk.Config{MaxBytes: most, Failed: failed})
	if err != nil {
		return nil, fmt.Errorf("--cache %w", err)
	}
	c.reads(f.place)
	return store, nil
}

var sizePattern = regexp.MustCompile(`^(\d+)([kmgt]?)(i?)b$`)

// parseSize reads a number of bytes such as 512MB or 4GiB.
func parseSize(s string) (int64, error) {
	m := sizePattern.FindStringSubmatch(strings.ToLower(s))
	if m == nil || m[2] == "" && m[3] != "" {
		return 0, errors.New("expected a size such as 512MB or 4GiB")
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	unit := int64(1000)
	if m[3] != "" {
		unit = 1024
	}
	for range strings.Index("kmgt", m[2]) + len(m[2]) {
		if n > math.MaxInt64/unit {
			err = strconv.ErrRange
			break
		}
		n *= unit
	}
	if err != nil {
		return 0, errors.New("more than 63 bits")
	}
	return n, nil
}
