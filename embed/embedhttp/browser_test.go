package embedhttp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A browser is a Chromium without a window and one page in it, driven over a
// pipe with the DevTools protocol: JSON texts with a zero byte after each.
type browser struct {
	t       *testing.T
	session string
	to      io.Writer
	answers chan message

	mu       sync.Mutex
	last     int      // id of a command
	problems []string // errors, exceptions and warnings of the page
}

// A message is a command, its answer, or an event.
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   any             `json:"error,omitempty"`
}

// browse starts the program that RHUMB_BROWSER names, with an empty page.
func browse(t *testing.T) *browser {
	t.Helper()
	program := os.Getenv("RHUMB_BROWSER")
	if program == "" {
		t.Skip("NOT RUN: the page in a browser. RHUMB_BROWSER=chromium runs it in that program")
	}
	commands, to, err := os.Pipe()
	require.NoError(t, err)
	from, answers, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-extensions", "--user-data-dir="+t.TempDir())
	cmd.ExtraFiles = []*os.File{commands, answers} // 3 and 4
	require.NoError(t, cmd.Start())
	commands.Close()
	answers.Close()
	b := &browser{t: t, to: to, answers: make(chan message, 1)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b.read(from)
	}()
	t.Cleanup(func() {
		to.Close() // which ends it
		<-read
		from.Close()
		_ = cmd.Wait()
	})
	var target struct{ TargetID string }
	b.command(&target, "Target.createTarget", map[string]any{"url": "about:blank"})
	var attached struct{ SessionID string }
	b.command(&attached, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true})
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.command(nil, domain+".enable", nil)
	}
	return b
}

// read takes what the browser says until it ends.
func (b *browser) read(from io.Reader) {
	defer close(b.answers)
	for r := bufio.NewReader(from); ; {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if err := json.Unmarshal(text[:len(text)-1], &m); err != nil {
			return
		}
		switch {
		case m.ID != 0:
			b.answers <- m
		case m.Method == "Runtime.exceptionThrown" || m.Method == "Log.entryAdded" || m.Method == "Runtime.consoleAPICalled":
			b.mu.Lock()
			b.problems = append(b.problems, fmt.Sprint(m.Method, " ", m.Params))
			b.mu.Unlock()
		}
	}
}

// takeProblems returns what the page complained of since the last time.
func (b *browser) takeProblems() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.problems
	b.problems = nil
	return p
}

// command gives a command and reads its result, where that is not nil.
func (b *browser) command(result any, method string, params any) {
	b.t.Helper()
	b.last++
	text, err := json.Marshal(message{ID: b.last, Session: b.session, Method: method, Params: params})
	require.NoError(b.t, err)
	_, err = b.to.Write(append(text, 0))
	require.NoError(b.t, err, method)
	select {
	case m, ok := <-b.answers:
		require.True(b.t, ok, "%s: the browser ended", method)
		require.Equal(b.t, b.last, m.ID)
		require.Nil(b.t, m.Error, "%s %v", method, params)
		if result != nil {
			require.NoError(b.t, json.Unmarshal(m.Result, result))
		}
	case <-time.After(2 * time.Minute):
		b.t.Fatal(method, ": no answer")
	}
}

// evaluate returns the value of a JavaScript expression, or of what it promises.
func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	var r struct {
		Result           struct{ Value T }
		ExceptionDetails any
	}
	b.command(&r, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true})
	require.Nil(b.t, r.ExceptionDetails, expression)
	return r.Result.Value
}

// wait waits until a JavaScript expression is true.
func (b *browser) wait(expression string) {
	b.t.Helper()
	evaluate[any](b, "new Promise(done => { const look = () => "+expression+" ? done() : requestAnimationFrame(look); look(); })")
}

// open loads a page for a screen of that width, in pixels, and a color scheme.
func (b *browser) open(url string, width int, scheme string) {
	b.t.Helper()
	b.command(nil, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500})
	b.command(nil, "Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}}})
	b.command(nil, "Page.navigate", map[string]any{"url": url})
	b.wait(`document.readyState === "complete"`)
}

// click presses the middle of the first element that a selector finds.
func (b *browser) click(selector string) {
	b.t.Helper()
	at := evaluate[[]float64](b, fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		e.scrollIntoView({ block: "center", behavior: "instant" });
		const r = e.getBoundingClientRect();
		return [r.x + r.width / 2, r.y + r.height / 2];
	})()`, selector))
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.command(nil, "Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1})
	}
}

// keys are those that press knows, with Windows's numbers for them.
var keys = map[string]int{"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39, "a": 65}

// press presses a key; modifiers are those of the protocol, 2 = Ctrl.
func (b *browser) press(key string, modifiers int) {
	b.t.Helper()
	text := map[string]string{"Enter": "\r", " ": " "}[key]
	down := map[string]any{"type": "keyDown", "key": key, "text": text, "windowsVirtualKeyCode": keys[key], "modifiers": modifiers}
	if key == "a" && modifiers == 2 {
		down["commands"] = []string{"selectAll"}
	}
	b.command(nil, "Input.dispatchKeyEvent", down)
	b.command(nil, "Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "windowsVirtualKeyCode": keys[key], "modifiers": modifiers})
}

// write replaces what the focused element has.
func (b *browser) write(text string) {
	b.t.Helper()
	b.press("a", 2)
	b.command(nil, "Input.insertText", map[string]any{"text": text})
}

// screenshot writes a picture of the whole page into the folder of RHUMB_SCREENSHOTS.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	folder := os.Getenv("RHUMB_SCREENSHOTS")
	if folder == "" {
		return
	}
	var picture struct{ Data []byte }
	b.command(&picture, "Page.captureScreenshot", map[string]any{"captureBeyondViewport": true})
	require.NoError(b.t, os.WriteFile(filepath.Join(folder, name+".png"), picture.Data, 0o666))
}
