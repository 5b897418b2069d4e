package embedhttp

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/rhumb-go/rhumb/embed"
)

// enter counts x as a request of a's, if a's limits let it in. One without a body costs
// nothing, and is let in always.
func (x *exchange) enter(a *account) error {
	counts := x.r.Method == http.MethodPost
	var f *failure
	if x.event.Key, x.client, f = a.enter(counts); f != nil {
		x.tellBalance(a)
		return f
	}
	if counts {
		x.account = a
	}
	return nil
}

// reserve takes of the budget what texts of a request of c seem to need: a token for four
// bytes of it, or the model's limit for each.
func (x *exchange) reserve(c *basics, texts int) error {
	if x.account == nil {
		return nil
	}
	n := int(max(x.size, c.size)/4) + texts
	if most := c.model.facts().MaxTokens; most > 0 {
		n = min(n, most*texts)
	}
	if f := x.account.reserve(n); f != nil {
		return f
	}
	x.reserved = n
	return nil
}

// turns returns the context of x for a queue, where the requests of a key take turns as one client.
func (x *exchange) turns() context.Context {
	return embed.WithClient(x.r.Context(), x.client)
}

// settle has x pay for what was read, and says what is left. A request that failed costs
// nothing, unless its client left: what was computed until then nobody counts.
func (x *exchange) settle() {
	if x.account == nil {
		return
	}
	read := x.event.Tokens
	if x.failed != nil && (errors.Is(x.failed, context.Canceled) && x.r.Context().Err() != nil) {
		read = x.reserved
	}
	x.account.settle(x.reserved, read)
	x.reserved = read
	x.tellBalance(x.account)
}

// balanceHeaders are those of tellBalance.
const balanceHeaders = "X-Ratelimit-Limit-Tokens, X-Ratelimit-Remaining-Tokens, X-Ratelimit-Reset-Tokens, X-Ratelimit-Limit-Requests, X-Ratelimit-Remaining-Requests"

// tellBalance says in headers what a has left, as OpenAI's clients know it.
func (x *exchange) tellBalance(a *account) {
	b, header := a.balance(), x.w.Header()
	if n := b.limits.TokensPerMinute; n > 0 {
		header.Set("X-Ratelimit-Limit-Tokens", strconv.Itoa(n))
		header.Set("X-Ratelimit-Remaining-Tokens", strconv.Itoa(b.tokens))
		header.Set("X-Ratelimit-Reset-Tokens", b.full.Round(time.Millisecond).String())
	}
	if n := b.limits.Concurrent; n > 0 {
		header.Set("X-Ratelimit-Limit-Requests", strconv.Itoa(n))
		header.Set("X-Ratelimit-Remaining-Requests", strconv.Itoa(b.requests))
	}
}

// retryAfter says when a request that was refused may come again.
func (x *exchange) retryAfter(f *failure) {
	wait := f.retry
	switch f.code {
	case codeQueueFull:
		wait = time.Second
	case codeModelsBusy:
		wait = 5 * time.Second
	}
	if wait > 0 {
		x.w.Header().Set("Retry-After", strconv.Itoa(int(seconds(wait)/time.Second)))
		x.w.Header().Set("Retry-After-Ms", strconv.FormatInt((wait+time.Millisecond-1).Milliseconds(), 10))
	}
}

// depart ends what enter began.
func (x *exchange) depart() {
	if x.account != nil {
		x.account.leave()
	}
}
