package embedhttp

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"sync/atomic"
)

// Keys are the API keys that a Handler accepts. They may be replaced while it serves.
type Keys struct {
	sums atomic.Pointer[[][sha256.Size]byte]
}

// NewKeys returns a set of the keys, as Set takes them.
func NewKeys(keys []string) (*Keys, error) {
	k := new(Keys)
	return k, k.Set(keys)
}

// Set replaces the keys. No keys at all and an empty key are errors, and change nothing.
func (k *Keys) Set(keys []string) error {
	if len(keys) == 0 {
		return errors.New("no API keys, expected at least one")
	}
	sums := make([][sha256.Size]byte, len(keys))
	for i, key := range keys {
		if key == "" {
			return errors.New("an API key is empty")
		}
		sums[i] = sha256.Sum256([]byte(key))
	}
	k.sums.Store(&sums)
	return nil
}

// contain reports whether key is one of k. It compares sums of one length with
// all of them, so that its time tells nothing of them but their number.
func (k *Keys) contain(key string) bool {
	sum := sha256.Sum256([]byte(key))
	found := 0
	for _, s := range *k.sums.Load() {
		found |= subtle.ConstantTimeCompare(sum[:], s[:])
	}
	return found == 1
}
