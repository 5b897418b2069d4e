package loader

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rhumb-go/rhumb/internal/cachedir"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// sumsVersion is counted up with a change of sumTensors.
const sumsVersion = 1

var ( // which tests set
	// leastKept is from how many bytes of tensors on their sum is kept on disk.
	leastKept int64 = 64 << 20
	// settled is how long ago files must have changed for their sum to be kept: a later
	// change has another time then, also by the clocks of file systems that count in
	// steps of two seconds.
	settled = 4 * time.Second
)

// A keptSum is the content of a file in the folder of sums.
type keptSum struct {
	Files string `json:"files"` // sum of their identity
	Sum   string `json:"sum"`   // that of sumTensors
}

// sumFile returns sumTensors of f. Where that is large and its files are mapped, the sum
// is kept in the user's cache folder, and read from there as long as nothing says that
// one of them has changed. That nothing can be kept there is no error.
func sumFile(ctx context.Context, f *tensor.File, team *parallel.Team) ([]byte, error) {
	id := f.Identity()
	path := ""
	if f.Size() >= leastKept && id.State != "" {
		path = sumPath(id)
	}
	if path == "" {
		return sumTensors(ctx, f, team)
	}
	if sum := readSum(path, id); sum != nil {
		return sum, nil
	}
	sum, err := sumTensors(ctx, f, team)
	if err == nil && f.Identity() == id && time.Since(id.Changed) > settled {
		_ = writeSum(path, id, sum) // then it is made again
	}
	return sum, err
}

// sumPath returns the path of the file with the sum of the files of id, "" where there
// is no cache folder.
func sumPath(id tensor.Identity) string {
	dir, err := cachedir.Path("sums")
	if err != nil {
		return ""
	}
	name := sha256.Sum256([]byte(id.Paths))
	return filepath.Join(dir, hex.EncodeToString(name[:16])+".json")
}

// sumIdentity returns what a kept sum is compared by.
func sumIdentity(id tensor.Identity) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s%s", sumsVersion, id.Paths, id.State))
	return hex.EncodeToString(sum[:])
}

// readSum returns the sum in the file at path, nil where it has none of the files of id.
func readSum(path string, id tensor.Identity) []byte {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 4096 {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var kept keptSum
	if json.Unmarshal(data, &kept) != nil || kept.Files != sumIdentity(id) {
		return nil
	}
	sum, err := hex.DecodeString(kept.Sum)
	if err != nil || len(sum) != sha256.Size {
		return nil
	}
	return sum
}

// writeSum keeps the sum of the files of id at path, where it is whole or not at all.
func writeSum(path string, id tensor.Identity, sum []byte) error {
	data, err := json.Marshal(keptSum{sumIdentity(id), hex.EncodeToString(sum)})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".sum-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
	return err
}
