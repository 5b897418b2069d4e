package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"

	"cloud.google.com/go/storage"
	azure "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // the scheme azblob
	"gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob" // the scheme s3
	"gocloud.dev/gcp"
)

// openers open buckets by the scheme of their names. Credentials are those that the services'
// own tools find.
var openers = map[string]func(ctx context.Context, bucket, parameters string) (*blob.Bucket, error){
	"s3":     opener("s3"),
	"azblob": opener("azblob"),
	"gs":     openGCS,
}

func opener(scheme string) func(ctx context.Context, bucket, parameters string) (*blob.Bucket, error) {
	return func(ctx context.Context, bucket, parameters string) (*blob.Bucket, error) {
		return blob.OpenBucket(ctx, (&url.URL{Scheme: scheme, Host: bucket, RawQuery: parameters}).String())
	}
}

// googleAttempts is how often the client of Google Cloud Storage, which else goes on for ever,
// makes a request.
const googleAttempts = 6

// openGCS opens a bucket as gcsblob's own opener for URLs does, but that it is an error, and no
// line on standard output, where there are no credentials.
func openGCS(ctx context.Context, bucket, parameters string) (*blob.Bucket, error) {
	u := &url.URL{Scheme: "gs", Host: bucket, RawQuery: parameters}
	opener := gcsblob.URLOpener{Client: gcp.NewAnonymousHTTPClient(gcp.DefaultTransport())}
	anonymous, _ := strconv.ParseBool(u.Query().Get("anonymous")) // the opener says what is wrong with it
	if u.Query().Has("universe_domain") {
		return nil, fmt.Errorf("parameter universe_domain, expected GOOGLE_CLOUD_UNIVERSE_DOMAIN in the environment")
	}
	if !anonymous && os.Getenv("STORAGE_EMULATOR_HOST") == "" {
		found, err := gcp.DefaultCredentials(ctx)
		if err != nil {
			return nil, err
		}
		opener.TokenSource = gcp.CredentialsTokenSource(found)
		if opener.Client, err = gcp.NewHTTPClient(gcp.DefaultTransport(), found.TokenSource); err != nil {
			return nil, err
		}
	}
	b, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, err
	}
	var client *storage.Client
	if b.As(&client) {
		client.SetRetry(storage.WithMaxAttempts(googleAttempts))
	}
	return b, nil
}

// versionOf returns what tells the content of an object from any other, of the attributes of the
// object or of what is read of it: the entity tag or, in Google's, the generation. "" = the service
// does not say.
func versionOf(as func(any) bool) string {
	tag := func(t *string) string {
		if t == nil {
			return ""
		}
		return *t
	}
	generation := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	var (
		s3Head  s3.HeadObjectOutput
		s3Read  s3.GetObjectOutput
		azHead  azure.GetPropertiesResponse
		azRead  azure.DownloadStreamResponse
		gcsHead storage.ObjectAttrs
		gcsRead *storage.Reader
	)
	switch {
	case as(&s3Head):
		return tag(s3Head.ETag)
	case as(&s3Read):
		return tag(s3Read.ETag)
	case as(&azHead):
		return tag((*string)(azHead.ETag))
	case as(&azRead):
		return tag((*string)(azRead.ETag))
	case as(&gcsHead):
		return generation(gcsHead.Generation)
	case as(&gcsRead):
		return generation(gcsRead.Attrs.Generation)
	}
	return ""
}
