package embedhttp

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHosts(t *testing.T) {
	h, _ := served(t, func(c *Config) { c.Hosts = []string{"Embed.example."} })
	for host, answered := range map[string]bool{
		"embed.example": true, "EMBED.example:8080": true, "localhost": true, "a.localhost:1": true, "127.1.2.3": true, "[::1]:80": true, "[::ffff:127.0.0.1]": true, "": true,
		"example.com": false, "www.embed.example": false, "localhost.example": false, "127.0.0.1.example": false, "128.0.0.1": false, "[::]:80": false, "[": false, ":80": false, ".": false, "]:x:": false,
	} {
		r := httptest.NewRequest("GET", "/health", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, answered, h.Answers(r), host)
		if answered {
			assert.Equal(t, 200, w.Code, host)
			continue
		}
		assert.Contains(t, requireError(t, w, 421, "invalid_request_error", "misdirected_request", ""), "--host")
	}
	open, _ := served(t, nil)
	assert.Equal(t, 200, send(open, "GET", "/health", "").Code, "of example.com")
	_, err := New(Config{Models: h.cfg.Models, Hosts: []string{":80"}})
	assert.ErrorContains(t, err, `host ":80"`)
}
