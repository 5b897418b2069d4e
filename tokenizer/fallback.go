package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/rhumb-go/rhumb/internal/manifest"
)

// LoadFS is LoadAs as the version of transformers reads it that the folder names.
func LoadFS(fsys fs.FS) (*Tokenizer, error) { return LoadAs(fsys, 0) }

// LoadAs reads the tokenizer of the model folder fsys as AutoTokenizer of transformers
// 4.57.6 does, where version is 4, or 5.23.0, where it is 5. They differ, and a folder was
// made and measured with one of them: 0 is the one that transformers_version of config.json
// names, 4 where it names none.
//
// That is its tokenizer.json with the steps that the class of tokenizer_config.json
// changes, which docs/models.md lists, and the added tokens that tokenizer_config.json,
// special_tokens_map.json and added_tokens.json name besides. They get the ids after the
// vocabulary, whatever the files say.
//
// Where there is no tokenizer.json it reads the files that older versions of
// transformers wrote: vocab.txt, vocab.json with merges.txt, or a SentencePiece
// model, under the settings of those files and of config.json, as 5.23 does, whatever the
// version, but for MLukeTokenizer, which only 4.57.6 reads as its models were trained. Files and settings that transformers refuses, that contradict each other or that
// do not tell the tokenizer are errors, which begin with a file's name.
func LoadAs(fsys fs.FS, version int) (*Tokenizer, error) {
	if version != 0 && version != 4 && version != 5 {
		return nil, fmt.Errorf("transformers %d, expected 4 or 5", version)
	}
	const file = "tokenizer.json"
	data, err := readFile(fsys, file)
	if !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, err
		}
		args, err := readArguments(fsys, version, value.untyped)
		if err != nil {
			return nil, err
		}
		return parse(data, file, &args)
	}
	found := ""
	for _, name := range slowFiles {
		if _, err := fs.Stat(fsys, name); err == nil {
			found += ", found " + name
		}
	}
	if found == "" {
		return nil, fmt.Errorf("tokenizer.json: %w, expected it or one of %s", fs.ErrNotExist, strings.Join(slowFiles, ", "))
	}
	t, err := convert(fsys, version)
	if err != nil {
		return nil, fmt.Errorf("%w (no tokenizer.json%s)", err, found)
	}
	return t, nil
}

// slowFiles are the files of vocabularies.
var slowFiles = manifest.Vocabularies

const spmFile = "tokenizer.model"

// readFile returns the content of a file; the error begins with its name.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	data, err := fs.ReadFile(fsys, name)
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err // p repeats the name
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

// convert reads the tokenizer of a folder without tokenizer.json; version is that of LoadAs.
func convert(fsys fs.FS, version int) (*Tokenizer, error) {
	args, err := readArguments(fsys, 5, value.token)
	if err != nil {
		return nil, err
	}
	if err := args.supported(); err != nil {
		return nil, err
	}
	name, err := className(args)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		version = majorVersion(args.config, args.object)
	}
	c := &conversion{fsys: fsys, args: args, class: name, version: version}
	t, err := tokenizerClasses[name](c)
	if err == nil {
		t.version = args.major
	}
	return t, err
}

// className returns the tokenizer class by which AutoTokenizer of transformers
// 5.23 reads a folder: tokenizer_class where it is set, unless model_type is one
// that is always read in one way; else that of model_type.
func className(args arguments) (string, error) {
	class, err := args.saidClass()
	if err != nil {
		return "", err
	}
	kind := args.config.get("model_type")
	if kind.truthy() {
		name, err := kind.str()
		if err != nil {
			return "", err
		}
		registered, known := modelTypes[name]
		switch {
		case !known:
			return "", kind.unsupported("unknown %q", name)
		case class == "" && registered == "":
			class = backend
		case class == "" || name == "qwen2" || registered == backend:
			class = registered
		}
	}
	if class == "" {
		return "", fmt.Errorf("%s: no tokenizer_class, and no model_type in config.json: nothing says how text is split", configFile)
	}
	if class == "PreTrainedTokenizer" {
		class = backend
	}
	if _, ok := tokenizerClasses[class]; !ok {
		return "", args.said().unsupported("unknown %q", class)
	}
	return class, nil
}

// backend is the class that reads a SentencePiece model by what it says itself.
const backend = "TokenizersBackend"

// modelTypes are the values of model_type and their tokenizer classes in
// TOKENIZER_MAPPING_NAMES of transformers 5.23, "" where that has none.
var modelTypes = map[string]string{
	"bert": "BertTokenizer", "distilbert": "BertTokenizer", "electra": "BertTokenizer", "nomic_bert": "BertTokenizer",
	"convbert": "BertTokenizer", "ernie": "BertTokenizer", "megatron-bert": "BertTokenizer", "mpnet": "MPNetTokenizer",
	"roberta": "RobertaTokenizer", "roberta-prelayernorm": "RobertaTokenizer", "longformer": "RobertaTokenizer",
	"data2vec-text": "RobertaTokenizer", "gpt2": "GPT2Tokenizer", "gpt_neo": "GPT2Tokenizer", "gptj": "GPT2Tokenizer",
	"clip": "CLIPTokenizer", "m2m_100": "M2M100Tokenizer", "nllb": "NllbTokenizer", "nllb-moe": "NllbTokenizer",
	"qwen2": "Qwen2Tokenizer", "qwen2_moe": "Qwen2Tokenizer", "qwen3": "Qwen2Tokenizer", "qwen3_moe": "Qwen2Tokenizer",
	"camembert": "CamembertTokenizer", "xlm-roberta": "XLMRobertaTokenizer", "xmod": "XLMRobertaTokenizer",
	"gte": "XLMRobertaTokenizer", "jina_embeddings_v3": "XLMRobertaTokenizer", "albert": "AlbertTokenizer",
	"t5": "T5Tokenizer", "mt5": "T5Tokenizer", "gemma": "GemmaTokenizer", "gemma2": "GemmaTokenizer",
	"gemma3": "GemmaTokenizer", "gemma3_text": "GemmaTokenizer", "deberta-v2": "DebertaV2Tokenizer",
	"umt5": backend, "xlm-roberta-xl": backend, "modernbert": backend, "mistral": backend, "mixtral": backend,
	"ministral": backend, "ministral3": backend, "phi3": backend, "granite": backend, "olmo2": backend,
	"luke": "LukeTokenizer", "mluke": "MLukeTokenizer", "llama": "", "eurobert": "", "new": "",
}

// tokenizerClasses are the tokenizer classes, without Fast at the end.
var tokenizerClasses = map[string]func(*conversion) (*Tokenizer, error){
	"BertTokenizer":       (*conversion).bert,
	"DistilBertTokenizer": (*conversion).bert,
	"ElectraTokenizer":    (*conversion).bert,
	"MPNetTokenizer":      (*conversion).mpnet,
	"RobertaTokenizer":    (*conversion).roberta,
	"CLIPTokenizer":       (*conversion).clip,
	"NllbTokenizer":       (*conversion).nllb,
	"MLukeTokenizer":      (*conversion).mluke,
	"LukeTokenizer":       (*conversion).luke,
	"M2M100Tokenizer":     (*conversion).m2m100,
	"GPT2Tokenizer":       (*conversion).gpt2,
	"Qwen2Tokenizer":      (*conversion).qwen2,
	"XLMRobertaTokenizer": (*conversion).xlmRoberta,
	"CamembertTokenizer":  (*conversion).camembert,
	"AlbertTokenizer":     (*conversion).albert,
	"DebertaV2Tokenizer":  (*conversion).deberta,
	"T5Tokenizer":         (*conversion).t5,
	"LlamaTokenizer":      (*conversion).llama,
	"GemmaTokenizer":      (*conversion).gemma,
	backend:               (*conversion).backend,
}
