package embedhttp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Limits of texts other than inputs, in characters.
const (
	maxName   = 500 // of a model
	maxPrompt = 32000
	maxShown  = 100 // of what an error or the log repeats
)

// A setting is what one or more fields of a request say.
type setting[T comparable] struct {
	field string // the first that said it; "" = none
	value T
}

// set is for a field that says value, as the one before has to.
func (s *setting[T]) set(field string, value T) error {
	if s.field != "" && s.value != value {
		return fail(codeInvalidRequest, field, "contradicts %s", s.field)
	}
	if s.field == "" {
		s.field, s.value = field, value
	}
	return nil
}

// basics are what requests of each kind say.
type basics struct {
	name       string // of the model, as the request has it
	model      *Model
	prompt     string
	promptName setting[string]
	keepAlive  *time.Duration // of the model after the request; nil = not said
	size       int64          // of all texts as the model reads them, in bytes; 0 = not more than the body
}

// readFields reads the body of a request into c. fields has, for each field that
// there may be, what reads its value, which is not null.
func readFields[C any](h *Handler, c C, fields map[string]func(c C, h *Handler, field string, value []byte) error, body []byte) error {
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // which RFC 8259, 8.1, lets readers ignore
	if err := checkJSON(body); err != nil {
		return err
	}
	if body = bytes.TrimSpace(body); body[0] != '{' {
		return fail(codeInvalidJSON, "", "found %s, expected an object", excerpt(body))
	}
	seen := map[string]bool{}
	for part := range parts(body) {
		field, value := member(part)
		read, known := fields[field]
		null := string(value) == "null"
		switch {
		case seen[field]:
			return fail(codeInvalidRequest, field, "given twice")
		case !known && !null && !h.cfg.IgnoreUnknown:
			return fail(codeUnknownParameter, shown(field, maxShown), "unknown parameter, which rhumb serve --ignore-unknown passes over")
		}
		if known {
			seen[field] = true
		}
		if known && !null {
			if err := read(c, h, field, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkSize checks the size of all texts with what is put before each, that a field says.
func (c *basics) checkSize(h *Handler, field string, texts int) error {
	if c.size > h.cfg.MaxBody {
		return fail(codeTooLarge, field, "%d bytes with one before each of %d texts, expected at most %d", c.size, texts, h.cfg.MaxBody)
	}
	return nil
}

func (c *basics) skip(*Handler, string, []byte) error { return nil }

func (c *basics) setModel(_ *Handler, field string, value []byte) (err error) {
	c.name, err = text(field, value, maxName)
	return err
}

func (c *basics) setPrompt(_ *Handler, field string, value []byte) (err error) {
	c.prompt, err = text(field, value, maxPrompt)
	return err
}

func (c *basics) setPromptName(_ *Handler, field string, value []byte) error {
	name, err := text(field, value, maxPrompt)
	if err != nil {
		return err
	}
	return c.promptName.set(field, name)
}

// text reads a string of 1 to most characters.
func text(field string, value []byte, most int) (string, error) {
	if value[0] != '"' {
		return "", fail(codeInvalidRequest, field, "found %s, expected a string", excerpt(value))
	}
	s := unquote(value)
	if n := utf8.RuneCountInString(s); n == 0 || n > most {
		return "", fail(codeInvalidRequest, field, "%d characters, expected 1 to %d", n, most)
	}
	return s, nil
}

// word reads one of the words.
func word[T any](field string, value []byte, words map[string]T, list string) (t T, err error) {
	if value[0] == '"' {
		if t, ok := words[unquote(value)]; ok {
			return t, nil
		}
	}
	return t, fail(codeInvalidRequest, field, "found %s, expected one of: %s", excerpt(value), list)
}

func boolean(field string, value []byte) (b bool, err error) {
	if err := json.Unmarshal(value, &b); err != nil {
		return false, fail(codeInvalidRequest, field, "found %s, expected true or false", excerpt(value))
	}
	return b, nil
}

// positive reads an integer above 0. Of 384 some clients make 384.0.
func positive(c code, field string, value []byte) (int, error) {
	n, err := strconv.ParseFloat(string(value), 64)
	if err != nil || n <= 0 || n > math.MaxInt32 || n != math.Trunc(n) {
		return 0, fail(c, field, "found %s, expected an integer above 0", excerpt(value))
	}
	return int(n), nil
}

// checkChars checks the length of a text.
func (h *Handler) checkChars(s string) error {
	most := h.cfg.MaxChars
	if most > 0 && len(s) > most {
		if n := utf8.RuneCountInString(s); n > most {
			return fmt.Errorf("%d characters, expected at most %d", n, most)
		}
	}
	return nil
}
