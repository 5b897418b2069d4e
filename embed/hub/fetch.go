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

// newClient returns a client with a limit on connecting.
func newClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 15 * time.Second}).DialContext
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
		wait = max(wait, min(status.wait, longest))
	}
	if n >= tries || final(err) {
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

// final reports whether another try after err is of no use.
func final(err error) bool {
	var status *statusError
	var write *os.PathError // a full disk, for one
	return errors.As(err, &status) && !status.temporary() || errors.As(err, &write) ||
		errors.Is(err, errMore) || errors.Is(err, errSlow) || errors.Is(err, errRedirect)
}

// send sends a request. An answer other than 2xx or 3xx is a *statusError.
func (r *repo) send(ctx context.Context, method, where string, header http.Header) (*http.Response, error) {
	watch, ctx := newWatch(ctx)
	req, err := http.NewRequestWithContext(ctx, method, where, nil)
	if err != nil {
		watch.end()
		return nil, err
	}
	for key, values := range header {
		req.Header[key] = values
	}
	req.Header.Set("User-Agent", "rhumb")
	if r.options.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.options.Token)
	}
	client := *r.options.Client
	client.CheckRedirect = redirects(method, client.CheckRedirect)
	res, err := client.Do(req)
	if err != nil {
		watch.end()
		if cause := because(ctx, err); cause != err {
			err = fmt.Errorf("%s: %w", where, cause)
		}
		return nil, err
	}
	watch.timer.Stop()
	res.Body = &watchedBody{ReadCloser: res.Body, ctx: ctx, watch: watch}
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

// A remote is what the hub says about a file.
type remote struct {
	url  string
	etag string // the SHA-1 of a git blob, or of large files the SHA-256 of the content
	size int64  // bytes
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
	} else if size < 0 || res.StatusCode >= 300 { // of a redirect it is its own
		return remote{}, fmt.Errorf("%s: no X-Linked-Size and no Content-Length, expected the bytes of the file", where)
	}
	return remote{where, etag, size}, nil
}

// errHash says that content is not what the hub has.
var errHash = errors.New("the content does not have the hub's hash")

// fill downloads the file to path, going on where an earlier download broke off,
// and checks its hash. After an error path is there as far as a later download can
// go on with it.
func (r *repo) fill(ctx context.Context, path, file string, from remote) error {
	out, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	err = r.fillFile(ctx, out, file, from)
	left, seekErr := out.Seek(0, io.SeekEnd)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil && left == 0 && seekErr == nil {
		_ = os.Remove(path)
	}
	return err
}

// fillFile is fill of an open file. One with another hash is downloaded once more.
func (r *repo) fillFile(ctx context.Context, out *os.File, file string, from remote) error {
	for again := false; ; again = true {
		err := r.complete(ctx, out, file, from)
		if err != nil {
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
			return fmt.Errorf("%s: %w %s", from.url, err, from.etag)
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
		if have > from.size { // not of this download
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
		if have+n >= farthest+leastOfTries {
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
	switch coding := res.Header.Get("Content-Encoding"); {
	case coding != "" && coding != "identity":
		return 0, fmt.Errorf("%s: Content-Encoding %.100q, expected none", from.url, coding)
	case res.StatusCode == http.StatusOK:
		if err := out.Truncate(0); err != nil {
			return 0, err
		}
		if _, err := out.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		before, have = have, 0
	case res.StatusCode != http.StatusPartialContent || !strings.HasPrefix(res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
		err := fmt.Errorf("%s: %.100s with Content-Range %.100q, expected the bytes from %d on", from.url, res.Status, res.Header.Get("Content-Range"), have)
		return -have, errors.Join(err, out.Truncate(0)) // from the start on it may go
	}
	w := &progressWriter{out: out, done: have, total: from.size, file: file, progress: r.options.Progress}
	n, err := io.Copy(w, io.LimitReader(res.Body, from.size-have+1))
	switch {
	case have+n > from.size:
		return 0, errors.Join(fmt.Errorf("%s: %w than the %d that it said", from.url, errMore, from.size), out.Truncate(0))
	case err != nil:
		return n - before, fmt.Errorf("%s: %d of %d bytes: %w", from.url, have+n, from.size, err)
	case have+n < from.size:
		return n - before, fmt.Errorf("%s: %d of %d bytes: %w", from.url, have+n, from.size, io.ErrUnexpectedEOF)
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
