package pipeline

import "context"

type clientKey struct{}

// WithClient returns a context whose calls of a Queue are those of one client: it has one
// turn where others have one, however many calls it has. "" is nobody's.
func WithClient(ctx context.Context, client string) context.Context {
	if client == "" {
		return ctx
	}
	return context.WithValue(ctx, clientKey{}, client)
}

// clientOf returns the client of ctx, "" where it has none.
func clientOf(ctx context.Context) string {
	client, _ := ctx.Value(clientKey{}).(string)
	return client
}
