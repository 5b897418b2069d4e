package embedhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/rhumb-go/rhumb/embed"
)

// A code is an error's kind, with its HTTP status and OpenAI's type for it.
type code struct {
	name   string
	status int
	kind   string
}

// The types of OpenAI's errors.
const (
	invalidRequest = "invalid_request_error"
	authentication = "authentication_error"
	rateLimit      = "rate_limit_error"
	tokenLimit     = "tokens"
	requestLimit   = "requests"
	serverError    = "server_error"
)

// The codes, all of those that a client may see.
var (
	codeInvalidJSON       = code{"invalid_json", http.StatusBadRequest, invalidRequest}
	codeInvalidInput      = code{"invalid_input", http.StatusBadRequest, invalidRequest}
	codeInvalidDimensions = code{"invalid_dimensions", http.StatusBadRequest, invalidRequest}
	codeInvalidFormat     = code{"invalid_encoding_format", http.StatusBadRequest, invalidRequest}
	codeInvalidRequest    = code{"invalid_request", http.StatusBadRequest, invalidRequest}
	codeUnknownParameter  = code{"unknown_parameter", http.StatusBadRequest, invalidRequest}
	codeModelKind         = code{"model_kind_mismatch", http.StatusBadRequest, invalidRequest}
	codeInvalidKey        = code{"invalid_api_key", http.StatusUnauthorized, authentication}
	codeNoAdmin           = code{"admin_key_required", http.StatusForbidden, invalidRequest}
	codeModelNotFound     = code{"model_not_found", http.StatusNotFound, invalidRequest}
	codeNotFound          = code{"not_found", http.StatusNotFound, invalidRequest}
	codeMethod            = code{"method_not_allowed", http.StatusMethodNotAllowed, invalidRequest}
	codeTooLarge          = code{"request_too_large", http.StatusRequestEntityTooLarge, invalidRequest}
	codeMediaType         = code{"unsupported_media_type", http.StatusUnsupportedMediaType, invalidRequest}
	codeMisdirected       = code{"misdirected_request", http.StatusMisdirectedRequest, invalidRequest}
	codeTokenLimit        = code{"rate_limit_exceeded", http.StatusTooManyRequests, tokenLimit}
	codeRequestLimit      = code{"rate_limit_exceeded", http.StatusTooManyRequests, requestLimit}
	codeQueueFull         = code{"queue_full", http.StatusTooManyRequests, rateLimit}
	codeShuttingDown      = code{"shutting_down", http.StatusServiceUnavailable, serverError}
	codeModelsBusy        = code{"models_busy", http.StatusServiceUnavailable, serverError}
	codeModelTooLarge     = code{"model_too_large", http.StatusInsufficientStorage, serverError}
	codeModelLoad         = code{"model_load_error", http.StatusInternalServerError, serverError}
	codeInternal          = code{"internal_error", http.StatusInternalServerError, serverError}
)

// A failure is an error as the client sees it.
type failure struct {
	code    code
	param   string // the field, "" = none
	message string
	cause   error         // for the log; may be nil
	retry   time.Duration // when the request may come again; 0 = as its code says
}

func (f *failure) Error() string { return f.message }
func (f *failure) Unwrap() error { return f.cause }

// fail returns a failure. A message about a field begins with its name.
func fail(c code, param, format string, args ...any) *failure {
	message := fmt.Sprintf(format, args...)
	if param != "" {
		message = param + ": " + message
	}
	return &failure{code: c, param: param, message: message}
}

// shown returns the beginning of what a client sent, for a message or the log:
// characters that terminals do not print are escaped.
func shown(s string, most int) string {
	quoted := fmt.Sprintf("%.*q", most, s)
	if quoted = quoted[1 : len(quoted)-1]; utf8.RuneCountInString(s) > most {
		quoted += "…"
	}
	return quoted
}

// envelope is the JSON of a failure.
type envelope struct {
	Error  envelopeError `json:"error"`
	Detail string        `json:"detail"` // the message, which is what Voyage's clients read
}

type envelopeError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    string  `json:"code"`
}

// envelope returns the status and the JSON of f.
func (f *failure) envelope() (status int, body any) {
	e := envelopeError{Message: f.message, Type: f.code.kind, Code: f.code.name}
	if f.param != "" {
		e.Param = &f.param
	}
	return f.code.status, envelope{e, f.message}
}

// asFailure returns err as a client sees it. What it is not about is an internal
// error, whose cause it is not told.
func asFailure(err error) *failure {
	var f *failure
	var kind *embed.KindError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &kind):
		f = fail(codeModelKind, "model", "%v", kind)
	case errors.Is(err, embed.ErrQueueFull):
		f = fail(codeQueueFull, "", "the queue is full: try again later")
	case errors.Is(err, context.DeadlineExceeded):
		f = fail(codeQueueFull, "", "the time of the request ran out: try again later, or with fewer inputs")
	case errors.Is(err, embed.ErrClosed), errors.Is(err, context.Canceled):
		f = fail(codeShuttingDown, "", "the service is shutting down")
	default:
		f = fail(codeInternal, "", "internal error")
	}
	f.cause = err
	return f
}

// modelFailure is asFailure for an error of a model with the texts of a field;
// option says of which field an option's fault is.
func modelFailure(err error, texts string, option func(*embed.OptionError) *failure) *failure {
	var input *embed.InputError
	var fault *embed.OptionError
	switch {
	case errors.Is(err, embed.ErrNotFinite): // which the client cannot help
		return asFailure(err)
	case errors.As(err, &input):
		f := fail(codeInvalidInput, "", "%v", input)
		f.param = texts
		return f
	case errors.As(err, &fault):
		return option(fault)
	}
	return asFailure(err)
}

// optionFailure is that of an option which requests of each kind have.
func (c *basics) optionFailure(err *embed.OptionError) *failure {
	switch err.Option {
	case embed.OptionPrompt:
		return fail(codeInvalidRequest, "prompt", "%v", err.Err)
	case embed.OptionPromptName:
		return fail(codeInvalidRequest, c.promptName.field, "%v", err.Err)
	}
	return fail(codeInvalidRequest, "", "%v", err)
}

// embedFailure is asFailure for an error of the model with c.
func (c *call) embedFailure(err error) *failure {
	return modelFailure(err, c.inputs.field, func(err *embed.OptionError) *failure {
		switch err.Option {
		case embed.OptionDimensions:
			return fail(codeInvalidDimensions, c.dimensions.field, "%v", err.Err)
		case embed.OptionMaxTokens:
			return fail(codeInvalidRequest, c.maxTokens.field, "%v", err.Err)
		}
		return c.optionFailure(err)
	})
}
