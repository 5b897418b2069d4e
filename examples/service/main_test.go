package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/rhumb-go/rhumb/search"
)

const deadline = 5 * time.Minute // for a slow machine

// start starts the service, and returns its address and what ends it.
func start(t *testing.T) (base string, stop func() error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener) }()
	t.Cleanup(cancel)
	return "http://" + listener.Addr().String(), func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(deadline):
			return context.DeadlineExceeded
		}
	}
}

// call sends a request, which is a GET where there is no body.
func call(t *testing.T, url, body string) (status int, answer []byte) {
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, answer
}

func TestService(t *testing.T) {
	base, stop := start(t)
	texts := []string{"The food was delicious", "The train was late", "It rained all day", "Cats sleep a lot"}
	const question = "Was there a delay?"
	m, err := minilm.Load(t.Context(), embed.Config{})
	require.NoError(t, err)
	defer m.Close()
	want, err := m.Embed(t.Context(), append([]string{question}, texts...), embed.Options{})
	require.NoError(t, err)

	status, answer := call(t, base+"/notes?q=nothing", "")
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, `[]`, string(answer))
	for _, text := range texts {
		status, answer := call(t, base+"/notes", `{"text": "`+text+`"}`)
		assert.Equal(t, http.StatusCreated, status, string(answer))
	}
	status, answer = call(t, base+"/notes?q="+url.QueryEscape(question), "")
	require.Equal(t, http.StatusOK, status, string(answer))
	var found []note
	require.NoError(t, json.Unmarshal(answer, &found))
	require.Len(t, found, nearest)
	assert.Equal(t, "The train was late", found[0].Text)
	score, err := search.Score(search.Dot, want.Embeddings[0].Float32, want.Embeddings[2].Float32)
	require.NoError(t, err)
	assert.Equal(t, score, found[0].Score)

	status, answer = call(t, base+"/v1/embeddings", `{"model": "minilm", "input": "The food was delicious"}`)
	require.Equal(t, http.StatusOK, status, string(answer))
	var embeddings struct {
		Data []struct{ Embedding []float32 }
	}
	require.NoError(t, json.Unmarshal(answer, &embeddings))
	require.Len(t, embeddings.Data, 1)
	assert.Equal(t, want.Embeddings[1].Float32, embeddings.Data[0].Embedding)

	require.Eventually(t, func() bool {
		status, _ := call(t, base+"/ready", "")
		return status == http.StatusOK
	}, deadline, 10*time.Millisecond)
	require.NoError(t, stop())
}

func TestBadRequests(t *testing.T) {
	base, stop := start(t)
	tests := []struct{ name, path, body, want string }{
		{"no text", "/notes", `{}`, "the text: "},
		{"not JSON", "/notes", `text`, "the body: "},
		{"too much", "/notes", `{"text": "` + strings.Repeat("a", maxBody) + `"}`, "the body: "},
		{"no question", "/notes", "", "the text: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := call(t, base+tt.path, tt.body)
			assert.Equal(t, http.StatusBadRequest, status)
			assert.True(t, bytes.HasPrefix(answer, []byte(tt.want)), string(answer))
		})
	}
	require.NoError(t, stop())
}

// A web page whose own name leads to the service at localhost is not answered.
func TestHosts(t *testing.T) {
	base, stop := start(t)
	for _, path := range []string{"/notes?q=nothing", "/v1/models"} {
		for host, want := range map[string]int{"localhost:8080": http.StatusOK, "evil.example": http.StatusMisdirectedRequest} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
			require.NoError(t, err)
			req.Host = host
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			resp.Body.Close()
			assert.Equal(t, want, resp.StatusCode, "%s %s", host, path)
		}
	}
	require.NoError(t, stop())
}

// A request under way when the service ends is answered.
func TestShutdown(t *testing.T) {
	base, stop := start(t)
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: deadline}}
	defer client.CloseIdleConnections()
	body, text := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/notes", body)
	require.NoError(t, err)
	req.Header.Set("Expect", "100-continue") // the body is sent once the handler reads it
	status := make(chan int, 1)
	go func() {
		resp, err := client.Do(req)
		if !assert.NoError(t, err) {
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	_, err = io.WriteString(text, `{"text": `)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	// The listener is closed while the request waits for the rest of its body.
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, deadline, 10*time.Millisecond)
	_, err = io.WriteString(text, `"The train was late"}`)
	require.NoError(t, err)
	require.NoError(t, text.Close())
	assert.Equal(t, http.StatusCreated, <-status)
	assert.NoError(t, <-ended)
}
