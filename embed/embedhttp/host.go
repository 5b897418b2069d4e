package embedhttp

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Answers reports whether h answers requests to the host that r names, as
// Config.Hosts says. One that names none is no browser's.
func (h *Handler) Answers(r *http.Request) bool {
	host := hostName(r.Host)
	return h.hosts == nil || r.Host == "" || isLoopback(host) || slices.Contains(h.hosts, host)
}

// hostName returns the host of a header Host, without the port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isLoopback reports whether a browser that is led to host by no one's DNS stays
// on its machine (RFC 6761, 6.3).
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}
