package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	tries   = 6                // of a request, or without a byte of progress
	longest = 30 * time.Second // that a try waits for
)

// backOff is the wait before the second try; it is twice as long before each after it.
var backOff = 500 * time.Millisecond

// newClient returns a client without a limit on the whole of a download, and with
// limits on each of its steps.
func newClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 15 * time.Second}).DialContext
	t.ResponseHeaderTimeout = 60 * time.Second
	return &http.Client{Transport: t}
}

// A statusError is an answer that is not what was asked for.
type statusError struct {
	url    string
	status int
	code   string // the hub's X-Error-Code
	text   string // the hub's X-Error-Message
	wait   time.Duration
}

func (e *statusError) Error() string {
	what := e.text
	switch {
	case e.code == "GatedRepo":
		what = "access to the model must be granted: accept its terms at the hub and set HF_TOKEN"
	case e.code == "RevisionNotFound":
		what = "no such revision"
	case e.code == "EntryNotFound":
		what = "no such file"
	case e.code == "RepoNotFound" || e.status == http.StatusUnauthorized:
		what = "no such model, or one that needs a token (HF_TOKEN) with access"
	case what == "":
		what = http.StatusText(e.status)
	}
	return fmt.Sprintf("%s: %d: %s", e.url, e.status, what)
}

// temporary reports whether the same request may succeed later.
func (e *statusError) temporary() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout || e.status >= 500
}

// try sends a request until it is answered, at most tries times.
func (r *repo) try(ctx context.Context, method, where string, header http.Header) (*http.Response, error) {
	for n := 1; ; n++ {
		res, err := r.send(ctx, method, where, header)
		if err == nil {
			return res, nil
		}
		if err := pause(ctx, n, err); err != nil {
			return nil, err
		}
	}
}

// pause waits after the n-th failure, or returns err where another try is of no
// use, or the error of ctx.
func pause(ctx context.Context, n int, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	wait := min(backOff<<(n-1), longest)
	wait += rand.N(wait / 4)
	var status *statusError
	if errors.As(err, &status) {
		if !status.temporary() {
			return err
		}
		wait = max(wait, min(status.wait, longest))
	}
	if n >= tries {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// send sends a request. An answer other than 2xx or 3xx is a *statusError.
func (r *repo) send(ctx context.Context, method, where string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, where, nil)
	if err != nil {
		return nil, err
	}
	for key, values := range header {
		req.Header[key] = values
	}
	req.Header.Set("User-Agent", "rhumb")
	if r.options.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.options.Token)
	}
	client := r.options.Client
	if method == http.MethodHead { // the first answer has the headers that count
		own := *client
		own.CheckRedirect = sameHost
		client = &own
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode < 400 {
		return res, nil
	}
	_ = res.Body.Close()
	e := &statusError{url: where, status: res.StatusCode, code: res.Header.Get("X-Error-Code"), text: res.Header.Get("X-Error-Message")}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.wait = time.Duration(min(seconds, 3600)) * time.Second
	}
	return nil, e
}

// sameHost follows a redirect to the same host, that of a renamed repository, and
// stops at one to another, where the content lies.
func sameHost(req *http.Request, via []*http.Request) error {
	if req.URL.Host != via[0].URL.Host || len(via) > 5 {
		return http.ErrUseLastResponse
	}
	return nil
}

// A remote is what the hub says about a file.
type remote struct {
	url  string
	etag string // the SHA-1 of a git blob, or of large files the SHA-256 of the content
	size int64  // bytes; -1 = not said
}

var etagForm = regexp.MustCompile(`^[0-9a-f]{40}$|^[0-9a-f]{64}$`)

// head asks for a file of commit.
func (r *repo) head(ctx context.Context, commit, file string) (remote, error) {
	var parts []string
	for part := range strings.SplitSeq(file, "/") {
		parts = append(parts, url.PathEscape(part))
	}
	where := r.options.Endpoint + "/" + r.id + "/resolve/" + commit + "/" + strings.Join(parts, "/")
	res, err := r.try(ctx, http.MethodHead, where, http.Header{"Accept-Encoding": {"identity"}})
	if err != nil {
		return remote{}, err
	}
	_ = res.Body.Close()
	if got := res.Header.Get("X-Repo-Commit"); got != commit {
		return remote{}, fmt.Errorf("%s: X-Repo-Commit %.100q, expected %s", where, got, commit)
	}
	etag := res.Header.Get("X-Linked-Etag")
	if etag == "" {
		etag = res.Header.Get("ETag")
	}
	etag = strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)
	if !etagForm.MatchString(etag) {
		return remote{}, fmt.Errorf("%s: ETag %.100q, expected a SHA-1 or a SHA-256", where, etag)
	}
	size := res.ContentLength
	if linked := res.Header.Get("X-Linked-Size"); linked != "" {
		if size, err = strconv.ParseInt(linked, 10, 64); err != nil || size < 0 {
			return remote{}, fmt.Errorf("%s: X-Linked-Size %.100q, expected bytes", where, linked)
		}
	} else if res.StatusCode >= 300 {
		size = -1 // that of the redirect
	}
	return remote{where, etag, size}, nil
}

// errMore says that a server sends without end.
var errMore = errors.New("more bytes")

// errHash says that content is not what the hub has.
var errHash = errors.New("the content does not have the hub's hash")

// fill downloads the file to path, going on where an earlier download broke off,
// and checks its hash. A file with another hash is removed, and downloaded once
// more.
func (r *repo) fill(ctx context.Context, path, file string, from remote) error {
	out, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	for again := false; ; again = true {
		if err := r.complete(ctx, out, file, from); err != nil {
			return err
		}
		if err = check(out, from); err == nil {
			return out.Sync()
		}
		if !errors.Is(err, errHash) {
			return err
		}
		if err := out.Truncate(0); err != nil {
			return err
		}
		if again {
			return errors.Join(fmt.Errorf("%s: %w %s", from.url, err, from.etag), os.Remove(path))
		}
	}
}

// complete downloads what out lacks of the file.
func (r *repo) complete(ctx context.Context, out *os.File, file string, from remote) error {
	farthest := int64(0)
	for failures := 0; ; {
		have, err := out.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if from.size >= 0 && have > from.size { // not of this download
			if err := out.Truncate(0); err != nil {
				return err
			}
			continue
		}
		if r.options.Progress != nil {
			r.options.Progress(file, have, from.size)
		}
		if have == from.size {
			return nil
		}
		n, err := r.part(ctx, out, have, file, from)
		if err == nil {
			return nil
		}
		var write *os.PathError
		if errors.As(err, &write) || errors.Is(err, errMore) {
			return err // a full disk, for one
		}
		if have+n > farthest {
			farthest, failures = have+n, 0
		}
		failures++
		if err := pause(ctx, failures, err); err != nil {
			return err
		}
	}
}

// part downloads the file from byte have on to out, whose position that is, and
// returns by how many bytes it is longer then.
func (r *repo) part(ctx context.Context, out *os.File, have int64, file string, from remote) (int64, error) {
	header := http.Header{"Accept-Encoding": {"identity"}}
	if have > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	res, err := r.send(ctx, http.MethodGet, from.url, header)
	var status *statusError
	if errors.As(err, &status) && status.status == http.StatusRequestedRangeNotSatisfiable && have > 0 {
		return 0, errors.Join(errors.New("the server has not so many bytes"), out.Truncate(0))
	}
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	before := int64(0) // bytes that go
	switch {
	case res.StatusCode == http.StatusOK:
		if err := out.Truncate(0); err != nil {
			return 0, err
		}
		if _, err := out.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		before, have = have, 0
	case res.StatusCode != http.StatusPartialContent || !strings.HasPrefix(res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
		return 0, fmt.Errorf("%s: %s with Content-Range %q, expected the bytes from %d on", from.url, res.Status, res.Header.Get("Content-Range"), have)
	}
	limit := int64(mostWeights)
	if from.size >= 0 {
		limit = from.size
	}
	w := &progressWriter{out: out, done: have, total: from.size, file: file, progress: r.options.Progress}
	n, err := io.Copy(w, io.LimitReader(res.Body, limit-have+1))
	switch {
	case err != nil:
		return n - before, err
	case have+n > limit:
		return 0, errors.Join(fmt.Errorf("%s: %w than the %d that it said", from.url, errMore, limit), out.Truncate(0))
	case from.size >= 0 && have+n < from.size:
		return n - before, io.ErrUnexpectedEOF
	}
	return n - before, nil
}

// A progressWriter tells progress what it writes.
type progressWriter struct {
	out         *os.File
	done, total int64
	file        string
	progress    Progress
}

func (w *progressWriter) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	w.done += int64(n)
	if w.progress != nil {
		w.progress(w.file, w.done, w.total)
	}
	return n, err
}

// check returns errHash unless the content of f has the hash that from has.
func check(f *os.File, from remote) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var h hash.Hash = sha256.New()
	if len(from.etag) == 2*sha1.Size {
		h = sha1.New()
		fmt.Fprintf(h, "blob %d\x00", size) // as git does
	}
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != from.etag {
		return errHash
	}
	return nil
}
