package embedhttp

import "net/http"

// namedFields are those of a request that names a model.
var namedFields = map[string]func(c *basics, h *Handler, field string, value []byte) error{
	"model": (*basics).setModel,
}

// named reads a request that names a model, which it returns in c, loaded or not.
func (x *exchange) named() (c *basics, err error) {
	c = new(basics)
	if err = x.receive(func(body []byte) error { return readFields(x.h, c, namedFields, body) }); err != nil {
		return nil, err
	}
	if c.name == "" {
		return nil, fail(codeInvalidRequest, "model", "missing, expected one of: %s", x.h.shownNames())
	}
	if c.model, err = x.h.find(c.name); err == nil {
		x.event.Model = c.model.Name
	}
	return c, err
}

// loadModel answers POST /v1/models/load when the model is loaded.
func (x *exchange) loadModel() error {
	c, err := x.named()
	if err != nil {
		return err
	}
	if err := x.use(c, allKinds...); err != nil {
		return err
	}
	return x.json(http.StatusOK, x.h.modelInfo(c.model))
}

// unloadModel answers POST /v1/models/unload when the model is not loaded any more.
func (x *exchange) unloadModel() error {
	c, err := x.named()
	if err != nil {
		return err
	}
	e := c.model.entry
	if e == nil {
		return fail(codeInvalidRequest, "model", "%.100q is always loaded, expected one of a set that come and go, as those of rhumb serve --models-dir", c.name)
	}
	if err := e.set.drop(x.r.Context(), e); err != nil {
		return err
	}
	return x.json(http.StatusOK, x.h.modelInfo(e.now()))
}
