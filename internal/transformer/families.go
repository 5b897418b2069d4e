package transformer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tensor"
)

// families maps model_type in config.json to the function that assembles it of the
// weights, which keep what goes wrong: nil where they are not those of config.json.
// Where auto_map names code that computes the model, its class follows: the same
// model_type may then stand for another model.
var families = map[string]func(w *weights) *Model{
	"albert": openALBERT,
	"bert":   openBERT,
	"bidirectional_pplx_qwen3 modeling.PPLXQwen3Model": openPPLX,
	"bert modeling_bert.JinaBertModel":                 openJinaBERT,
	"camembert":                                        openRoBERTa,
	"clip":                                             openCLIP,
	"deberta-v2":                                       openDeBERTa,
	"distilbert":                                       openDistilBERT,
	"electra":                                          openELECTRA,
	"embedding_gemma2":                                 openEmbeddingGemma2,
	"embedding_gemma2_text":                            openEmbeddingGemma2Text,
	"eurobert":                                         openEuroBERT,
	"eurobert modeling_eurobert.EuroBertModel": openPublishedEuroBERT,
	"gemma":       openGemma,
	"gemma2":      openGemma2,
	"gemma3_text": openGemma3,
	"gte":         openGTE,
	"gte modeling_hf_alibaba_nlp_gte.GteModel":                             openGTE,
	"jina_embeddings_v5 modeling_jina_embeddings_v5.JinaEmbeddingsV5Model": openJinaV5,
	"jina_embeddings_v3": openJinaV3,
	"lfm2":               openLFM2,
	"lfm2 modeling_lfm2_bidirectional.Lfm2BidirectionalModel": openLFM2Bidirectional,
	"llama":         openLlama,
	"llama_bidirec": openLlamaBidirectional,
	"llama_bidirec llama_bidirectional_model.LlamaBidirectionalModel": openLlamaBidirectional,
	"luke":                  openLUKE,
	"m2m_100":               openM2M100,
	"ministral3":            openMinistral3,
	"mistral":               openMistral,
	"modernbert":            openModernBERT,
	"mpnet":                 openMPNet,
	"mt5":                   openT5,
	"new":                   openGTE,
	"new modeling.NewModel": openGTE,
	"nomic_bert":            openNomicBERT,
	"nomic_bert modeling_hf_nomic_bert.NomicBertModel": openNomicBERT,
	"nvembed modeling_nvembed.NVEmbedModel":            openNVEmbed,
	"qwen2":                                            openQwen2,
	"qwen2 modeling.Qwen2Model":                        openKaLM,
	"qwen2 modeling_qwen.Qwen2Model":                   openQwen2Bidirectional,
	"qwen3":                                            openQwen3,
	"qwen3 modeling_qwen3_bidirectional.Qwen3BidirectionalModel": openVoyage,
	"roberta":     openRoBERTa,
	"t5":          openT5,
	"xlm-roberta": openRoBERTa,
	"xlm-roberta modeling_lora.XLMRobertaLoRA":         openJinaV3LoRA,
	"xlm-roberta modeling_xlm_roberta.XLMRobertaModel": openFlashXLMR,
}

// declined are model types that are no family, and why.
var declined = map[string]string{
	"siglip":            paddedSigLIP,
	"siglip2":           paddedSigLIP,
	"siglip_text_model": paddedSigLIP,
}

// paddedSigLIP is what sentence-transformers 6.2 makes of SigLIP: the reference is none.
const paddedSigLIP = "the vector of a text is that of the last position, which in sentence-transformers is padding of another length in each batch"

// A Config says what to open, and how.
type Config struct {
	JSON     []byte        // config.json
	Weights  *tensor.File  // must stay open as long as the model is used: the token table stays there
	Adapter  *Adapter      // merged into the weights; its file must stay open too. nil = none
	Set      *kernel.Set   // whose kernels linear layers are packed for; nil = they are checked and counted, not packed: the model has the same Bytes, and no Forward
	Format   kernel.Format // of the products of linear layers, and of attention, but see mixing
	Outliers Outliers      // in Int8
	Packed   *Model        // of OpenToMeasure, of the same weights: layers that it has in the format and with the outliers that they are to have are taken from it, which then no longer works. nil = none
	Head     HeadKind
	Tokens   []int32 // that a LanguageHead is for

	Tasks          []TaskAdapter // of a family that has some in files of their own, which must stay open too
	TrustModelType bool          // code that auto_map names and that is not known computes what its model_type stands for without code
}

// Open builds the model that c describes. Weights that a quantization_config says
// are quantized, by Rhumb or by other tools, are read as what their codes stand for; codes of Int4 go into
// layers in that format unchanged. Unknown values, missing and misshaped tensors,
// tensors that the model does not read, an adapter that does not fit and a head
// that the family or the file does not have are errors. ctx is looked at between layers.
func Open(ctx context.Context, c Config) (*Model, error) { return newWeights(ctx, c).open() }

// OpenToCalibrate is Open in Int8 for Calibrate and Errors, in little memory: each
// linear layer is packed anew when it is used, in the place of the one before.
// There is no head, and the products of attention are in float32, so that all SIMD
// kernel sets give the same.
func OpenToCalibrate(ctx context.Context, c Config) (*Model, error) {
	return openToCalibrate(ctx, c, kernel.Int8, new(kernel.Panels))
}

// OpenExact is OpenToCalibrate in Float32, for InParts.
func OpenExact(ctx context.Context, c Config) (*Model, error) {
	m, err := openToCalibrate(ctx, c, kernel.Float32, new(kernel.Panels))
	if err == nil {
		m.exact = true
	}
	return m, err
}

// OpenToMeasure is OpenToCalibrate, but linear layers stay packed: with the memory of a
// model in Int8, for one that runs several times and is the Packed of the next.
func OpenToMeasure(ctx context.Context, c Config) (*Model, error) {
	return openToCalibrate(ctx, c, kernel.Int8, nil)
}

// Drop gives up the memory of layers of m, of OpenToMeasure, that are finer in o: the Packed of a
// model with these has what that can take alone.
func (m *Model) Drop(o Outliers) {
	for l, name := range m.names {
		if l.Format == kernel.Int8 && o.IsFiner(name) {
			new(kernel.Panels).MoveMemory(l)
		}
	}
	runtime.GC() // before there is more
}

// openToCalibrate opens a model whose linear layers are packed in spare when they are used;
// nil = at once.
func openToCalibrate(ctx context.Context, c Config, format kernel.Format, spare *kernel.Panels) (*Model, error) {
	c.Format, c.Head = format, NoHead
	w := newWeights(ctx, c)
	w.packs, w.sources, w.spare = map[*Linear]func(*Linear){}, map[*Linear]*panelTask{}, spare
	m, err := w.open()
	if err != nil {
		return nil, err
	}
	m.mixing = kernel.Float32
	return m, nil
}

// open returns the model with the weights w.
func (w *weights) open() (*Model, error) {
	var head struct {
		ModelType string         `json:"model_type"`
		AutoMap   map[string]any `json:"auto_map"`
		Stored    stored         `json:"quantization_config"`
	}
	if err := strictjson.Unmarshal(w.config, &head); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if head.ModelType == "" {
		head.ModelType = typeOfCode(head.AutoMap)
	}
	open, trusted, err := family(head.ModelType, head.AutoMap, w.head, w.trust)
	if err != nil {
		return nil, unsupported.Errorf("config.json: %w", err)
	}
	w.stores = head.Stored
	m := open(w)
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	if w.refused != nil {
		return nil, fmt.Errorf("config.json: %w", refused(w.refused))
	}
	if m == nil {
		return nil, errors.Join(w.err(), w.adapter.err())
	}
	if m.Head == nil && w.head != NoHead {
		return nil, unsupported.Errorf("config.json: model_type: found %q, which has no %s", head.ModelType, w.head)
	}
	if err := errors.Join(w.finish(), w.finishTasks()); err != nil {
		return nil, err
	}
	if w.format == kernel.Int8 && m.refines() {
		m.rests = w.packRests()
		if err := w.ctx.Err(); err != nil {
			return nil, err
		}
	}
	m.set, m.bytes = w.set, w.bytes
	m.names = w.names
	m.packs, m.sources, m.spare, m.layers = w.packs, w.sources, w.spare, w.layers
	m.mixing = w.mixing()
	m.Linears, m.Stored = w.linears, w.stores.String()
	m.Family, m.Trusted, m.Ignored = head.ModelType, trusted, append(unreadRope(w.config, w.key), w.stores.ignored()...)
	m.Passed = w.passedOver()
	return m, nil
}

// mixing returns the format of the products of attention: where some layers are finer than Int8, which
// was measured beside products in Float32, they are so too.
func (w *weights) mixing() kernel.Format {
	switch {
	case w.format == kernel.Int8 && len(w.outliers.Finer()) > 0:
		return kernel.Float32
	case w.format == kernel.Int8 || w.format == kernel.Int4:
		return kernel.BFloat16
	}
	return w.format
}

// typeOfCode returns the model_type of the family whose code auto_map names for AutoModel, "" where
// there is none. jina-reranker-v2 has no model_type: its code knows it.
func typeOfCode(autoMap map[string]any) string {
	code, _ := autoMap["AutoModel"].(string)
	if _, after, ok := strings.Cut(code, "--"); ok {
		code = after
	}
	for key := range families {
		if t, own, ok := strings.Cut(key, " "); ok && own == code {
			return t
		}
	}
	return ""
}

// autoEnds are how the names of the classes end that have a head, in auto_map.
var autoEnds = map[HeadKind]string{ClassificationHead: "ForSequenceClassification", MaskedHead: "ForMaskedLM"}

// family looks up the family of a model_type and of the code that auto_map names.
// The code of a model with a head has another class than that of its model, by the same name
// but for its end. Where the caller trusts the model_type, code that is not known is returned
// as trusted, and the family is that of the model_type without code.
func family(modelType string, autoMap map[string]any, h HeadKind, trust bool) (open func(w *weights) *Model, trusted string, err error) {
	class, end := "AutoModel", "Model"
	if e := autoEnds[h]; e != "" && autoMap["AutoModel"+e] != nil {
		class, end = "AutoModel"+e, e
	}
	key := modelType
	code, _ := autoMap[class].(string)
	if code != "" {
		own := code
		if _, after, ok := strings.Cut(code, "--"); ok { // before it is the repository that holds the code
			own = after
		}
		key += " " + otherEnd(own, end, "Model")
	}
	if open, ok := families[key]; ok {
		return open, "", nil
	}
	if open, ok := families[modelType]; ok && trust {
		return open, code, nil
	}
	var types, codes []string
	for _, k := range slices.Sorted(maps.Keys(families)) {
		if t, code, ok := strings.Cut(k, " "); !ok {
			types = append(types, t)
		} else if t == modelType {
			codes = append(codes, otherEnd(code, "Model", end))
		}
	}
	native := slices.Contains(types, modelType)
	if native || len(codes) > 0 {
		err := fmt.Errorf("auto_map: %s: found code that is not known, %q, for a %s, expected none%s",
			class, autoMap[class], modelType, strings.Join(append([]string{""}, codes...), " or "))
		if native {
			err = fmt.Errorf("%w; TrustModelType, --trust-model-type, is your word that it computes what %s does without it", err, modelType)
		}
		return nil, "", err
	}
	if why, ok := declined[modelType]; ok {
		return nil, "", fmt.Errorf("model_type: found %q: %s", modelType, why)
	}
	return nil, "", fmt.Errorf("model_type: found %q, expected one of %s", modelType, strings.Join(types, ", "))
}

// refused marks err, of the reader of a config that is well-formed: a value in it is
// none that this package computes with.
func refused(err error) error {
	if damaged := (*strictjson.Error)(nil); errors.As(err, &damaged) || errors.As(err, new(damage)) {
		return err
	}
	return unsupported.Mark(err)
}

// otherEnd returns name with the end to in place of from, where it has that.
func otherEnd(name, from, to string) string {
	if stem, ok := strings.CutSuffix(name, from); ok {
		return stem + to
	}
	return name
}
