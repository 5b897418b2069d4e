package embedhttp

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"sync"
	"time"
)

// An account is what requests with an API key have of its limits.
type account struct {
	sum [sha256.Size]byte // of the key

	mu      sync.Mutex
	name    string
	limits  Limits
	running int     // requests
	spent   float64 // tokens of the budget at the time at; may be more than there are
	at      time.Time
}

// set gives the account a name and limits; what is spent stays.
func (a *account) set(name string, l Limits) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refill()
	a.name, a.limits = name, l
}

// refill brings spent to the time that it is. The account is locked.
func (a *account) refill() {
	now := time.Now()
	a.spent = max(0, a.spent-a.rate()*now.Sub(a.at).Seconds())
	a.at = now
}

// rate returns how many tokens the budget gets in a second. The account is locked.
func (a *account) rate() float64 { return float64(a.limits.TokensPerMinute) / 60 }

// wait returns how long it takes until the budget has n tokens, or is full.
func (a *account) wait(n float64) time.Duration {
	limit := float64(a.limits.TokensPerMinute)
	if over := a.spent + min(n, limit) - limit; over > 0 {
		return time.Duration(math.Ceil(over / a.rate() * float64(time.Second)))
	}
	return 0
}

// enter counts a request as one under way, until leave, unless there are too many or the
// budget is spent; one that does not count is taken as it is. It returns the account's
// name, and what its requests are together in a queue.
func (a *account) enter(counts bool) (name, client string, f *failure) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name, client = a.name, cmp.Or(a.name, hex.EncodeToString(a.sum[:]))
	if !counts {
		return name, client, nil
	}
	if most := a.limits.Concurrent; most > 0 && a.running >= most {
		f = fail(codeRequestLimit, "", "the limit of this API key is %d requests at the same time, and so many are under way: try again later", most)
		f.retry = time.Second // when one ends nobody knows
		return name, client, f
	}
	if f = a.pay(1); f == nil {
		a.running++
	}
	return name, client, f
}

// pay returns why the budget does not have n tokens. The account is locked.
func (a *account) pay(n float64) *failure {
	if a.limits.TokensPerMinute == 0 {
		return nil
	}
	a.refill()
	wait := a.wait(n)
	if wait == 0 {
		return nil
	}
	left := max(0, float64(a.limits.TokensPerMinute)-a.spent)
	f := fail(codeTokenLimit, "", "the limit of this API key is %d tokens a minute, of which %.0f are left, expected about %.0f for the request: try again in %v",
		a.limits.TokensPerMinute, left, n, seconds(wait))
	f.retry = wait
	return f
}

// reserve takes n tokens of the budget, if it has them or is full.
func (a *account) reserve(n int) *failure {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.pay(float64(n))
	if f == nil {
		a.spent += float64(n)
	}
	return f
}

// settle takes the tokens that were read in place of those that were reserved.
func (a *account) settle(reserved, read int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.limits.TokensPerMinute > 0 {
		a.refill()
		a.spent = max(0, a.spent+float64(read-reserved))
	}
}

// leave ends what enter began.
func (a *account) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running--
}

// A balance is what an account has left.
type balance struct {
	limits   Limits
	tokens   int           // of the budget
	full     time.Duration // until that is what it was at first
	requests int           // that may begin
}

func (a *account) balance() balance {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refill()
	limit := float64(a.limits.TokensPerMinute)
	b := balance{limits: a.limits, tokens: int(max(0, limit-a.spent)), requests: max(0, a.limits.Concurrent-a.running)}
	if limit > 0 {
		b.full = a.wait(limit)
	}
	return b
}

// seconds returns d rounded up to whole seconds.
func seconds(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }
