package loader

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// numerics is counted up with a change of this module after which a model gives
// other bits.
const numerics = 5

// refined is counted up with such a change of the products that some rerankers and
// classifiers refine in Int8.
const refined = 1

// A recipe says how a model makes its vectors, all but its weights. Its JSON does
// not depend on how the files are laid out.
type recipe struct {
	Numerics      int
	Precision     string
	Prompts       map[string]string
	DefaultPrompt string
	Routes        map[string]routeRecipe // by name; "" is the default one
	Cross         *modelfolder.Cross     `json:",omitempty"`
	MaxActive     int                    `json:",omitempty"`
	Multi         *modelfolder.Multi     `json:",omitempty"`
	M3            *modelfolder.M3        `json:",omitempty"`
	Refined       int                    `json:",omitempty"`
}

type routeRecipe struct {
	Encoder       encoderRecipe
	Tokens        []string // of the modules on hidden states
	Pooling       []string
	IncludePrompt bool
	Modules       []string // of those behind the pooling
	Normalized    bool
	Splade        *modelfolder.Splade  `json:",omitempty"`
	Lexical       *modelfolder.Lexical `json:",omitempty"`
}

type encoderRecipe struct {
	Config    string            // config.json
	Adapter   string            // adapter_config.json
	Tasks     []string          `json:",omitempty"` // and those of tasks, each behind its name
	Tokenizer string            // sum of its files
	Lowercase bool              // before what the files say
	Unknown   int32             // the token that is dropped
	Weights   int               // index of their file
	Outliers  string            `json:",omitempty"` // of Int8: those of the folder, or how they are found
	Chat      *modelfolder.Chat `json:",omitempty"`
}

// newRecipe returns the recipe of a model that is loaded.
func (m *Model) newRecipe() recipe {
	s := m.Spec
	r := recipe{numerics, m.config.Format.String(), m.Prompts, s.DefaultPrompt, map[string]routeRecipe{}, s.Cross, s.MaxActive, s.Multi, s.M3, 0}
	if t := m.Default.Encoder.Transformer; t != nil && t.Refines() {
		r.Refined = refined
	}
	for name, route := range m.Routes {
		r.Routes[name] = route.recipe()
	}
	if !s.NoDefault {
		r.Routes[""] = m.Default.recipe()
	}
	return r
}

func (r *Route) recipe() routeRecipe {
	e := r.Encoder
	made := encoderRecipe{
		Tokenizer: e.Sum, Lowercase: e.Lowercase, Unknown: e.Unknown, Weights: e.Weights, Outliers: e.calibrated, Chat: e.Encoder.Chat,
	}
	if e.Config != nil {
		made.Config = string(modelfolder.Canonical(e.Config))
	}
	if e.Adapter != nil {
		made.Adapter = string(modelfolder.Canonical(e.Adapter))
	}
	for _, t := range e.Encoder.Tasks {
		made.Tasks = append(made.Tasks, t.Name, string(modelfolder.Canonical(t.Config)))
	}
	all := routeRecipe{Encoder: made, Tokens: r.tokens, Pooling: r.PoolingNames(), Modules: r.modules, Normalized: r.Spec.Normalized, Splade: r.Spec.Splade, Lexical: r.Spec.Lexical}
	if p := r.Spec.Pooling; p != nil {
		all.IncludePrompt = p.IncludePrompt
	}
	return all
}

// Fingerprint returns 128 bits, in hexadecimal, of a SHA-256 over the recipe and sums
// of the weights. Those that are not kept it makes with all workers, looking at ctx
// between tensors. Once it is made it is known, after Close too.
func (m *Model) Fingerprint(ctx context.Context) (string, error) {
	if err := m.Enter(); err != nil {
		m.printing.Lock()
		defer m.printing.Unlock()
		if m.print != "" {
			err = nil
		}
		return m.print, err
	}
	defer m.Leave()
	return m.FingerprintEntered(ctx)
}

// FingerprintEntered is Fingerprint where the model has been entered.
func (m *Model) FingerprintEntered(ctx context.Context) (print string, err error) {
	m.printing.Lock()
	defer m.printing.Unlock()
	if m.print == "" {
		m.print, err = m.makeFingerprint(ctx)
	}
	return m.print, err
}

// makeFingerprint makes it.
func (m *Model) makeFingerprint(ctx context.Context) (print string, err error) {
	team := parallel.NewTeam(m.Workers)
	defer team.Close()
	h := sha256.New()
	h.Write(m.settings[:])
	err = m.Guard(func() error {
		for _, f := range m.Files {
			sum, err := sumFile(ctx, f, team)
			if err != nil {
				return err
			}
			h.Write(sum)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// sumChunk is how many bytes of a tensor a worker sums at once.
const sumChunk = 256 << 10

// sumTensors returns a sum of the names, dtypes, shapes and bytes of the tensors
// of f, the same for one file and for shards: SHA-256 over all, of the bytes over
// the CRC-32C of each chunk, which is several times as fast where there are
// gigabytes. That tells models apart, but does not withstand forgery.
func sumTensors(ctx context.Context, f *tensor.File, team *parallel.Team) ([]byte, error) {
	var s summing
	h := sha256.New()
	for _, t := range f.Stored() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		fmt.Fprintf(h, "%q %v %v\n", t.Name, t.DType, t.Shape)
		s.chunks = slices.AppendSeq(s.chunks[:0], slices.Chunk(t.Data, sumChunk))
		s.sums = slices.Grow(s.sums[:0], len(s.chunks))[:len(s.chunks)]
		team.ForLong(len(s.chunks), &s)
		f.Release(t)
		for _, sum := range s.sums {
			h.Write(binary.LittleEndian.AppendUint32(nil, sum))
		}
	}
	return h.Sum(nil), nil
}

// summing sums each chunk.
type summing struct {
	chunks [][]byte
	sums   []uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Run does chunk i.
func (s *summing) Run(_, i int) { s.sums[i] = crc32.Checksum(s.chunks[i], castagnoli) }
