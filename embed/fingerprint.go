package embed

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"hash/crc32"
	"io/fs"
	"maps"
	"slices"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// numerics is counted up with a change of this module after which a model gives
// other bits.
const numerics = 2

// A recipe says how a model makes its vectors, all but its weights. Its JSON does
// not depend on how the files are laid out.
type recipe struct {
	Numerics      int
	Precision     string
	Prompts       map[string]string
	DefaultPrompt string
	Routes        map[string]routeRecipe // by name; "" is the default one
}

type routeRecipe struct {
	Encoder       encoderRecipe
	Tokens        []string // module.recipe
	Pooling       []string
	IncludePrompt bool
	Modules       []string // module.recipe
	Normalized    bool
}

type encoderRecipe struct {
	Config    string // config.json
	Adapter   string // adapter_config.json
	Tokenizer string // sum of its files
	Lowercase bool   // before what the files say
	Unknown   int32  // encoder.unknown
	Weights   int    // in pipeline.Model.Files
	Outliers  string `json:",omitempty"` // of Int8: those of the folder, or how they are found
}

// newRecipe returns the recipe of a model that is loaded.
func (m *Model) newRecipe() recipe {
	r := recipe{numerics, m.info.Precision.String(), m.info.Prompts, m.info.DefaultPrompt, map[string]routeRecipe{}}
	for name, route := range m.routes {
		r.Routes[name] = route.recipe()
	}
	if !m.noDefault {
		r.Routes[""] = m.route.recipe()
	}
	return r
}

func (r *route) recipe() routeRecipe {
	all := routeRecipe{Encoder: r.encoder.recipe, Pooling: r.poolingNames(), Normalized: r.normalized}
	all.Encoder.Unknown = r.unknown
	all.IncludePrompt = r.head.Pooling != nil && !r.leavesPromptOut
	for _, m := range r.tokens {
		all.Tokens = append(all.Tokens, m.recipe)
	}
	for _, m := range r.modules {
		all.Modules = append(all.Modules, m.recipe)
	}
	return all
}

// incidental are the keys of config.json, adapter_config.json and tokenizer.json
// that do not change a vector, or no more than Options do.
var incidental = []string{
	"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache",
	"base_model_name_or_path", "inference_mode", "peft_version", "revision",
	"padding", "truncation",
}

// canonical returns a JSON object without white space and incidental keys, its
// keys in order, and other content as it is.
func canonical(data []byte) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil || object == nil {
		return data
	}
	maps.DeleteFunc(object, func(key string, _ json.RawMessage) bool { return slices.Contains(incidental, key) })
	short, err := json.Marshal(object)
	if err != nil {
		return data
	}
	return short
}

// A recorder is a folder that keeps a sum of tokenizer.json, or of all files that
// were read where there is none.
type recorder struct {
	folder
	hash.Hash
}

// ReadFile is folder.ReadFile.
func (r recorder) ReadFile(name string) ([]byte, error) {
	data, err := r.folder.ReadFile(name)
	if err == nil && (name == tokenizerName || !r.exists(tokenizerName)) {
		fmt.Fprintf(r, "%q %x\n", name, sha256.Sum256(canonical(data)))
	}
	return data, err
}

var _ fs.ReadFileFS = recorder{}

// fingerprint returns Info.Fingerprint. The caller has entered m.
func (m *Model) fingerprint() string {
	m.sum.Do(func() {
		team := parallel.NewTeam(m.info.Workers)
		defer team.Close()
		h := sha256.New()
		h.Write(m.settings[:])
		err := m.pipeline.Guard(func() error {
			for _, f := range m.pipeline.Files {
				h.Write(sumTensors(f, team))
			}
			return nil
		})
		if err == nil {
			m.print = hex.EncodeToString(h.Sum(nil)[:16])
		}
	})
	return m.print
}

// sumChunk is how many bytes of a tensor a worker sums at once.
const sumChunk = 256 << 10

// sumTensors returns a sum of the names, dtypes, shapes and bytes of the tensors
// of f, the same for one file and for shards: SHA-256 over all, of the bytes over
// the CRC-32C of each chunk, which is several times as fast where there are
// gigabytes. That tells models apart, but does not withstand forgery.
func sumTensors(f *tensor.File, team *parallel.Team) []byte {
	var s summing
	h := sha256.New()
	for _, name := range f.Names() {
		t, _ := f.Tensor(name)
		fmt.Fprintf(h, "%q %v %v\n", name, t.DType, t.Shape)
		s.chunks = slices.AppendSeq(s.chunks[:0], slices.Chunk(t.Data, sumChunk))
		s.sums = slices.Grow(s.sums[:0], len(s.chunks))[:len(s.chunks)]
		team.For(len(s.chunks), &s)
		f.Release(t)
		for _, sum := range s.sums {
			h.Write(binary.LittleEndian.AppendUint32(nil, sum))
		}
	}
	return h.Sum(nil)
}

// summing sums each chunk.
type summing struct {
	chunks [][]byte
	sums   []uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Run does chunk i.
func (s *summing) Run(_, i int) { s.sums[i] = crc32.Checksum(s.chunks[i], castagnoli) }
