package multivector

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/internal/mutate"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// files returns those of a golden's folder, with the changes; one to "" has none.
func files(t testing.TB, name string, changes map[string]string) fstest.MapFS {
	all, err := mutate.Folder(filepath.Join(goldens, name, "model"))
	require.NoError(t, err)
	for path, content := range changes {
		if all[path] = (&fstest.MapFile{Data: []byte(content)}); content == "" {
			delete(all, path)
		}
	}
	return all
}

// What makes other vectors, or none, is an error that says what it is.
func TestFolders(t *testing.T) {
	const (
		sentence = "config_sentence_transformers.json"
		settings = "sentence_bert_config.json"
		mask     = "2_MultiVectorMask/config.json"
		pooling  = "4_HierarchicalTokenPooling/config.json"
		metadata = "artifact.metadata"
	)
	for _, c := range []struct{ model, path, content, want string }{
		{"mv-bert", mask, `{"skiplist_tasks": ["passage"]}`, mask + `: skiplist_tasks: "passage", expected "query" or "document"`},
		{"mv-bert", mask, `{"skiplist": ["."]}`, mask + `: `},
		{"mv-bert", settings, `{"query_expansion": {"strategy": "all", "length": 8}}`, settings + `: query_expansion: strategy: "all", expected "fixed" or "min"`},
		{"mv-bert", settings, `{"query_expansion": {"strategy": "fixed"}}`, `query_expansion: length: 0, expected 2 to`},
		{"mv-bert", settings, `{"query_expansion": {"strategy": "fixed", "length": 8, "token": "none such"}}`, `token: "none such", which the tokenizer lacks`},
		{"mv-bert", settings, `{"query_expansion": {"strategy": "fixed", "length": 8, "width": 1}}`, `query_expansion: `},
		{"mv-bert", settings, `{"query_expansion": {"strategy": "fixed", "length": 8000}}`, `length: 8000, and the model reads`},
		{"mv-bert", settings, `{"query_expansion": {"strategy": "min", "length": 8}, "query_length": 4}`, `length: 8, expected at most query_length, 4`},
		{"mv-bert", settings, `{"document_length": 1}`, `document_length: 1, expected at least 2`},
		{"mv-bert", settings, `{"document_length": 9, "processing_kwargs": {"text": {"max_length": 8}}}`, `processing_kwargs: text: max_length`},
		{"mv-bert", sentence, `{"model_type": "MultiVectorEncoder", "truncate_dim": 8}`, `truncate_dim: 8, expected none`},
		{"mv-bert", sentence, `{"model_type": "SentenceTransformer"}`, `an embedding model, expected a multi-vector model; embed.Load`},
		{"mv-bert", sentence, `{"model_type": "SparseEncoder"}`, `a sparse model, expected a multi-vector model; sparse.Load`},
		{"mv-bert", "modules.json", modules("Transformer", "Dense"), `no MultiVectorMask`},
		{"mv-bert", "modules.json", modules("Transformer", "LSTM", "MultiVectorMask"), `expected Dense, one MultiVectorMask`},
		{"mv-bert", "modules.json", modules("StaticEmbedding", "MultiVectorMask"), `expected a Transformer as the first`},
		{"mv-bert-pool", pooling, `{"pool_factor": 0.5}`, pooling + `: pool_factor: 0.5, expected 1 or more`},
		{"mv-bert-pool", pooling, `{"num_protected_tokens": -1}`, `num_protected_tokens: -1`},
		{"mv-bert-pool", pooling, `{"tasks": "all"}`, `tasks: "all", expected`},
		{"mv-stanford", metadata, `{"similarity": "l2"}`, metadata + `: similarity: "l2", expected "cosine"`},
		{"mv-stanford", metadata, `{"dim": 17}`, `expected 17 rows`},
		{"mv-stanford", metadata, `{"dim": 0}`, metadata + `: dim: 0, expected 1 or more`},
		{"mv-stanford", metadata, `[]`, metadata},
	} {
		_, err := LoadFS(t.Context(), files(t, c.model, map[string]string{c.path: c.content}), embed.Config{})
		assert.ErrorContains(t, err, c.want, c.content)
	}
	_, err := embed.Load(t.Context(), filepath.Join(goldens, "mv-bert", "model"), embed.Config{})
	var other *embed.KindError
	require.ErrorAs(t, err, &other)
	assert.ErrorContains(t, err, "a multi-vector model, expected an embedding model; multivector.Load, rhumb embed, search and rerank serve it")
	_, err = Load(t.Context(), filepath.Join(goldens, "rerank-bert", "model"), embed.Config{})
	require.ErrorAs(t, err, &other)
	_, err = Load(t.Context(), filepath.Join(goldens, "mv-bert", "model"), embed.Config{Pooling: "cls"})
	assert.ErrorContains(t, err, `pooling: "cls" given, expected none`)
}

// The tokens of DeBERTa work together outside of attention: fillers are attended to, or
// none are.
func TestDeBERTa(t *testing.T) {
	dir := filepath.Join("..", "goldens", "deberta-v2")
	for expansion, want := range map[string]string{
		`{"strategy": "fixed", "length": 8, "token": "[MASK]"}`:                 "query_expansion: attend: false, expected true of a deberta-v2",
		`{"strategy": "fixed", "length": 8, "token": "[MASK]", "attend": true}`: "",
		`null`: "",
	} {
		_, err := LoadFS(t.Context(), files(t, dir, map[string]string{
			"modules.json":                      modules("Transformer", "MultiVectorMask"),
			"2_MultiVectorMask/config.json":     `{}`,
			"config_sentence_transformers.json": `{"model_type": "MultiVectorEncoder"}`,
			"sentence_bert_config.json":         `{"query_expansion": ` + expansion + `}`,
		}), embed.Config{})
		if want == "" {
			require.NoError(t, err)
		} else {
			assert.ErrorContains(t, err, want)
		}
	}
}

// modules returns a modules.json of these classes, in the folders of mv-bert.
func modules(classes ...string) string {
	var list []string
	for _, c := range classes {
		path := map[string]string{"Dense": "1_Dense", "MultiVectorMask": "2_MultiVectorMask"}[c]
		list = append(list, `{"idx": 0, "name": "m", "path": "`+path+`", "type": "sentence_transformers.`+c+`"}`)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// A folder that ColBERT wrote is one with its file alone too, and with the defaults of one
// that says nothing.
func TestColBERTFolders(t *testing.T) {
	g := readGolden(t, "mv-stanford")
	config, err := os.ReadFile(filepath.Join(g.dir, "config.json"))
	require.NoError(t, err)
	for _, change := range []map[string]string{
		{"config.json": strings.Replace(string(config), "HF_ColBERT", "BertModel", 1)},
		{"artifact.metadata": `{"query_maxlen": 12, "doc_maxlen": 36, "checkpoint": "x", "nbits": 1}`},
	} {
		m, err := LoadFS(t.Context(), files(t, g.name, change), embed.Config{})
		require.NoError(t, err)
		got, err := m.EmbedDocuments(t.Context(), g.cases.Documents, Options{})
		require.NoError(t, err)
		for i, want := range g.documents {
			requireNear(t, want, got[i].Vectors, false)
		}
		require.NoError(t, m.Close())
	}
	m, err := LoadFS(t.Context(), files(t, g.name, map[string]string{"artifact.metadata": ""}), embed.Config{})
	require.NoError(t, err)
	require.Equal(t, 32, m.Info().ExpandedTokens)
	require.NoError(t, m.Close())
}

// Faults of options and of texts say which.
func TestErrors(t *testing.T) {
	ctx := t.Context()
	m := load(t, filepath.Join(goldens, "mv-bert", "model"), embed.Config{})
	for want, o := range map[string]Options{
		"max tokens: 1, expected at least 2":                           {MaxTokens: 1},
		"truncate: 77, expected":                                       {Truncate: 77},
		`prompt: given together with prompt name "query"`:              {Prompt: "a", PromptName: "query"},
		`prompt name: unknown "abc", expected one of: document, query`: {PromptName: "abc"},
		"prompt: 66 tokens, model reads":                               {Prompt: strings.Repeat("a ", 64)},
	} {
		_, err := m.EmbedDocuments(ctx, []string{"a"}, o)
		var fault *embed.OptionError
		require.ErrorAs(t, err, &fault)
		assert.ErrorContains(t, err, want)
	}
	_, err := m.EmbedDocuments(ctx, []string{"a", ""}, Options{})
	assert.ErrorContains(t, err, "input 1: empty text")
	long := strings.Repeat("garden ", 80)
	_, err = m.EmbedDocuments(ctx, []string{long}, Options{Truncate: embed.TruncateNone})
	assert.ErrorContains(t, err, "input 0: ")
	got, err := m.EmbedDocuments(ctx, []string{long}, Options{MaxTokens: 5})
	require.NoError(t, err)
	assert.Equal(t, 5, got[0].Tokens)
	assert.Positive(t, got[0].Truncated)
	short, err := m.EmbedQuery(ctx, long, Options{MaxTokens: 5})
	require.NoError(t, err)
	assert.Equal(t, m.Info().ExpandedTokens, short.Tokens)

	var option *embed.OptionError
	_, err = m.Score(ctx, "", []string{"a"}, rerank.Options{})
	require.ErrorAs(t, err, &option)
	assert.Equal(t, embed.OptionQuery, option.Option)
	_, err = m.Score(ctx, long, []string{"a"}, rerank.Options{Truncate: embed.TruncateNone})
	require.ErrorAs(t, err, &option)
	assert.Equal(t, embed.OptionQuery, option.Option)
	cut, err := m.EmbedQuery(ctx, long, Options{})
	require.NoError(t, err)
	scores, err := m.Score(ctx, long, []string{"a"}, rerank.Options{})
	require.NoError(t, err)
	assert.Positive(t, cut.Truncated)
	assert.Equal(t, cut.Truncated, scores[0].Truncated)
	_, err = m.Score(ctx, "q", []string{"a"}, rerank.Options{MaxDocumentTokens: -1})
	require.ErrorAs(t, err, &option)
	assert.Equal(t, embed.OptionMaxDocumentTokens, option.Option)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = m.EmbedQueries(canceled, []string{"a"}, Options{})
	assert.ErrorIs(t, err, context.Canceled)
	closed, err := Load(ctx, filepath.Join(goldens, "mv-bert", "model"), embed.Config{})
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	_, err = closed.Rank(ctx, "q", []string{"a"}, 0, rerank.Options{})
	assert.ErrorIs(t, err, embed.ErrClosed)
}

// MaxDocumentTokens leaves of a document what its first tokens cover, or its last ones.
func TestMaxDocumentTokens(t *testing.T) {
	m := load(t, filepath.Join(goldens, "mv-bert", "model"), embed.Config{})
	const document = "the garden of the engine"
	e, err := m.Tokenizer().EncodeOffsets(document, tokenizer.Options{NoSpecial: true})
	require.NoError(t, err)
	for _, most := range []int{1, 3, len(e.IDs), len(e.IDs) + 1} {
		kept := min(most, len(e.IDs))
		for direction, part := range map[embed.Truncation]string{
			embed.TruncateEnd:   document[:e.Offsets[kept-1].End],
			embed.TruncateStart: document[e.Offsets[len(e.IDs)-kept].Start:],
		} {
			want, err := m.Score(t.Context(), "a garden", []string{part}, rerank.Options{})
			require.NoError(t, err)
			got, err := m.Score(t.Context(), "a garden", []string{document}, rerank.Options{MaxDocumentTokens: most, Truncate: direction})
			require.NoError(t, err)
			want[0].Truncated = len(e.IDs) - kept
			assert.Equal(t, want, got, "%d, %v", most, direction)
		}
	}
	_, err = m.Score(t.Context(), "q", []string{document}, rerank.Options{MaxDocumentTokens: 2, Truncate: embed.TruncateNone})
	assert.ErrorContains(t, err, "expected 2 or fewer")
}

// Scores are MaxSim of the vectors, in any company, through a queue too; documents with
// the same one come by index, and an empty one has a score.
func TestScores(t *testing.T) {
	ctx := t.Context()
	for _, name := range goldenNames(t) {
		g := readGolden(t, name)
		m := load(t, g.dir, embed.Config{})
		q := NewQueue(m, embed.QueueConfig{})
		documents := append(append([]string{}, g.cases.Documents...), "", g.cases.Documents[0])
		for i, query := range g.cases.Queries {
			scores, err := m.Score(ctx, query, documents, rerank.Options{})
			require.NoError(t, err)
			for j := range g.cases.Documents {
				assert.InDelta(t, g.maxSim.Row(i)[j], scores[j].Value, tolScore, "%s: query %d, document %d", name, i, j)
				assert.Equal(t, len(g.cases.QueryTokens[i].IDs)+len(g.cases.DocumentTokens[j].IDs), scores[j].Tokens)
				alone, err := m.Score(ctx, query, documents[j:j+1], rerank.Options{})
				require.NoError(t, err)
				require.Equal(t, scores[j], alone[0])
			}
			queued, err := q.Score(ctx, query, documents, rerank.Options{})
			require.NoError(t, err)
			require.Equal(t, scores, queued)
			ranked, wait, err := q.RankWait(ctx, query, documents, 0, rerank.Options{})
			require.NoError(t, err)
			require.GreaterOrEqual(t, wait, time.Duration(0))
			require.Len(t, ranked, len(documents))
			for k, r := range ranked {
				require.Equal(t, scores[r.Index], r.Score)
				if k > 0 && ranked[k-1].Value == r.Value {
					require.Less(t, ranked[k-1].Index, r.Index)
				}
			}
			direct, err := m.Rank(ctx, query, documents, 2, rerank.Options{})
			require.NoError(t, err)
			require.Equal(t, ranked[:2], direct)
		}
		require.NoError(t, q.Close(ctx))
	}
}

// meanmaxsim divides by the vectors of the query.
func TestMeanMaxSim(t *testing.T) {
	ctx := t.Context()
	m := load(t, filepath.Join(goldens, "mv-bert", "model"), embed.Config{})
	mean, err := LoadFS(ctx, files(t, "mv-bert", map[string]string{
		"config_sentence_transformers.json": `{"model_type": "MultiVectorEncoder", "prompts": {"query": "[Q] ", "document": "[D] "}, "similarity_fn_name": "meanmaxsim"}`,
	}), embed.Config{})
	require.NoError(t, err)
	defer mean.Close() //nolint:errcheck
	require.True(t, mean.Info().MeanMaxSim)
	sum, err := m.Score(ctx, "river", []string{"a garden"}, rerank.Options{})
	require.NoError(t, err)
	got, err := mean.Score(ctx, "river", []string{"a garden"}, rerank.Options{})
	require.NoError(t, err)
	assert.InDelta(t, float64(sum[0].Value)/float64(m.Info().ExpandedTokens), got[0].Value, 1e-7)
	assert.False(t, math.IsNaN(float64(got[0].Value)))
	asked, err := mean.EmbedQuery(ctx, "river", Options{})
	require.NoError(t, err)
	made, err := mean.EmbedDocuments(ctx, []string{"a garden"}, Options{})
	require.NoError(t, err)
	scorer, err := mean.NewScorer(asked.Vectors)
	require.NoError(t, err)
	score, err := scorer.Score(made[0].Vectors)
	require.NoError(t, err)
	assert.Equal(t, got[0].Value, score)
}
