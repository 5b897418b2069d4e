package embedhttp

import (
	"errors"
	"io"
	"mime"
	"os"
	"strings"
	"time"
)

// The time that a body may take: it holds room that others wait for.
const (
	bodyTime = 2 * time.Minute  // for all of it
	paceSize = 64 << 10         // bytes, or what is left, that come
	paceTime = 10 * time.Second // within each such time
)

// body reads the request's.
func (x *exchange) body() ([]byte, error) {
	if err := x.checkMediaType(); err != nil {
		return nil, err
	}
	if e := strings.TrimSpace(x.r.Header.Get("Content-Encoding")); e != "" && !strings.EqualFold(e, "identity") {
		return nil, fail(codeMediaType, "", "Content-Encoding is %.100q, expected none", e)
	}
	body, err := x.read()
	if err == nil {
		// An error is of a connection that has no deadlines, or is gone. Later
		// reads are those that watch whether the client is still there.
		_ = x.control.SetReadDeadline(time.Time{})
		return body, nil
	}
	x.w.Header().Set("Connection", "close") // the rest is not read
	return nil, err
}

// checkMediaType checks that the body is JSON, by its name or by one that programs
// send without thought. Those a browser sends for a page of any origin, without asking
// first whether it may, so that of pages only the right name is taken.
func (x *exchange) checkMediaType() error {
	given := x.r.Header.Get("Content-Type")
	mediaType, _, err := mime.ParseMediaType(given)
	switch {
	case err == nil && mediaType == "application/json":
		return nil
	case x.r.Header.Get("Origin") != "":
	case given == "", err == nil && (mediaType == "text/plain" || mediaType == "application/x-www-form-urlencoded"):
		return nil
	}
	return fail(codeMediaType, "", "Content-Type is %.100q, expected application/json", given)
}

// read reads a body into one buffer, of its length where that is known. One of
// unknown length is small, or counts as one of the largest.
func (x *exchange) read() ([]byte, error) {
	limit := x.h.cfg.MaxBody
	size := x.r.ContentLength
	if size < 0 {
		size = min(smallSize, limit)
	}
	end := time.Now().Add(bodyTime)
	var body []byte
	for ; size <= limit; size = limit {
		if err := x.hold(size); err != nil {
			return nil, err
		}
		buffer := make([]byte, size+1) // the last byte is for the end
		n := copy(buffer, body)
		more, err := x.fill(buffer[n:], end)
		body = buffer[:n+more]
		switch {
		case err == io.EOF:
			x.size = int64(len(body))
			return body, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, fail(codeInvalidRequest, "", "the request's body came too slowly: expected %d bytes within each %v, and all within %v", paceSize, paceTime, bodyTime)
		case err != nil:
			f := fail(codeInvalidRequest, "", "the request's body ended early")
			f.cause = err
			return nil, f
		case size == limit:
			return nil, x.tooLarge()
		}
	}
	return nil, x.tooLarge()
}

func (x *exchange) tooLarge() error {
	return fail(codeTooLarge, "", "the request is larger than %d bytes", x.h.cfg.MaxBody)
}

// fill reads until dst is full. It has until end, as long as enough comes.
func (x *exchange) fill(dst []byte, end time.Time) (n int, err error) {
	for next := 0; n < len(dst) && err == nil; {
		if n >= next {
			next = n + paceSize
			pace := time.Now().Add(paceTime)
			if end.Before(pace) {
				pace = end
			}
			_ = x.control.SetReadDeadline(pace) // an error is of a connection that has none, or is gone
		}
		var more int
		more, err = x.r.Body.Read(dst[n:])
		n += more
	}
	return n, err
}
