package embedhttp

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// A Key is an API key, and what requests with it may do.
type Key struct {
	Key  string // what a request sends; nothing else is told of it
	Name string // for the log and events, at most 64 characters that are seen, so no spaces; "" = none
	Limits
}

// Limits are those of the requests with a key. The zero Limits are none.
type Limits struct {
	// TokensPerMinute is how many tokens models may read for them. The budget is that
	// many and grows again as time goes on. A request is taken where there is as much
	// as it seems to need, of its size and the model's limit, or where the budget is
	// full; in the end it costs what was read, and where that was more, the next ones
	// wait for it. 0 = any number.
	TokensPerMinute int

	// Concurrent is how many requests with a body may be under way at the same time.
	// 0 = any number.
	Concurrent int
}

// Keys are the API keys that a Handler accepts, none at first. They may be replaced while
// it serves.
type Keys struct {
	setting  sync.Mutex
	accounts atomic.Pointer[[]*account]
}

// NewKeys returns a set of the keys, as Set takes them.
func NewKeys(keys []string) (*Keys, error) {
	k := new(Keys)
	return k, k.Set(keys)
}

// Set replaces the keys by ones without names and limits. No keys at all and an empty key
// are errors, and change nothing.
func (k *Keys) Set(keys []string) error {
	all := make([]Key, len(keys))
	for i, key := range keys {
		all[i].Key = key
	}
	return k.SetLimited(all)
}

// SetLimited replaces the keys. One that was there before keeps the requests under way
// and what of its budget is spent. No keys at all, an empty key, a name that is too long,
// a limit below 0, and a key twice with different names or limits are errors, and change
// nothing.
func (k *Keys) SetLimited(keys []Key) error {
	if len(keys) == 0 {
		return errors.New("no API keys, expected at least one")
	}
	k.setting.Lock()
	defer k.setting.Unlock()
	known := map[[sha256.Size]byte]*account{}
	if old := k.accounts.Load(); old != nil {
		for _, a := range *old {
			known[a.sum] = a
		}
	}
	first := map[string]int{}
	for i := range keys {
		if err := keys[i].check(); err != nil {
			return fmt.Errorf("API key %d: %w", i+1, err)
		}
		if at, twice := first[keys[i].Key]; !twice {
			first[keys[i].Key] = i
		} else if keys[at] != keys[i] {
			return fmt.Errorf("API key %d: %w, that of key %d", i+1, errTwice, at+1)
		}
	}
	var accounts []*account
	for i := range keys {
		if first[keys[i].Key] != i {
			continue
		}
		sum := sha256.Sum256([]byte(keys[i].Key))
		a := known[sum]
		if a == nil {
			a = &account{sum: sum}
		}
		a.set(keys[i].Name, keys[i].Limits)
		accounts = append(accounts, a)
	}
	k.accounts.Store(&accounts)
	return nil
}

var errTwice = errors.New("one that is there already, with another name or limit")

// maxKeyName is how long the name of a key may be, in characters.
const maxKeyName = 64

// check checks k by itself.
func (k *Key) check() error {
	strange := func(r rune) bool { return r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	switch {
	case k.Key == "":
		return errors.New("it is empty")
	case utf8.RuneCountInString(k.Name) > maxKeyName || strings.ContainsFunc(k.Name, strange):
		return fmt.Errorf("name is %.100q, expected at most %d characters that are seen", k.Name, maxKeyName)
	case k.TokensPerMinute < 0:
		return fmt.Errorf("%d tokens a minute, expected 0 or more", k.TokensPerMinute)
	case k.Concurrent < 0:
		return fmt.Errorf("%d requests at the same time, expected 0 or more", k.Concurrent)
	}
	return nil
}

// find returns the account of key, nil where it is none of k. It compares sums of one
// length with all of them, so that its time tells nothing of them but their number.
func (k *Keys) find(key string) (found *account) {
	sum := sha256.Sum256([]byte(key))
	accounts := k.accounts.Load()
	if accounts == nil {
		return nil
	}
	for _, a := range *accounts {
		if subtle.ConstantTimeCompare(sum[:], a.sum[:]) == 1 {
			found = a
		}
	}
	return found
}
