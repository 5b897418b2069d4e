// Package manifest names the files of a model's folder: what package embed reads of
// a folder, package hub downloads for it.
package manifest

// The files that say which others there are.
const (
	Modules = "modules.json"       // the folders of the modules
	Router  = "router_config.json" // those of a Router's
	Config  = "config.json"        // of each module, and those of an Asym's
	Adapter = "adapter_config.json"
)

// Sentence is the file with what sentence-transformers says of the whole model.
const Sentence = "config_sentence_transformers.json"

// Outliers is the file with the inputs that int8 keeps apart.
const Outliers = "outlier_columns.json"

// Tokenizer is the file with the tokenizer, in whose place the Vocabularies count.
const Tokenizer = "tokenizer.json"

// Root are the files of a model's own folder alone.
var Root = []string{Modules, Sentence, "quantization_ranges.json", SparseLinear, ColBERTLinear}

// Module are the files of each module's folder, of which a model's own may be one.
var Module = []string{
	Config, Router, Adapter, Outliers, Tokenizer, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
}

// Vocabularies are what stands in for the Tokenizer; Merges belongs to the second.
var Vocabularies = []string{
	"vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model", "tiktoken.model", "tekken.json",
}

// Merges is the file with the merges of a byte-level BPE.
const Merges = "merges.txt"

// Settings are those of a Transformer module, the first found counts.
var Settings = []string{
	"sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json",
	"sentence_camembert_config.json", "sentence_albert_config.json", "sentence_xlm-roberta_config.json",
	"sentence_xlnet_config.json",
}

// Weights are those of a module, the first found counts: that and, where it is an
// index, the shards that it names.
var Weights = []string{"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"}

// TaskAdapters is the folder with a folder for each of task_names in a model's Config, with an
// Adapter and its weights.
const TaskAdapters = "adapters"

// AdapterWeights are those beside an Adapter, the first found counts.
var AdapterWeights = []string{"adapter_model.safetensors", "adapter_model.bin"}

// Template is the file beside a tokenizer with its chat template, which counts where a
// module scores what the model goes on with: in front of the key in tokenizer_config.json.
const Template = "chat_template.jinja"

// Templates are patterns of files which, in a folder without Modules, tell by being there
// that texts are to be rendered first.
var Templates = []string{Template, "additional_chat_templates/*.jinja"}

// SparseLinear and ColBERTLinear are the files with the layers of bge-m3 that make a sparse
// vector, and a vector for each token.
const (
	SparseLinear  = "sparse_linear.pt"
	ColBERTLinear = "colbert_linear.pt"
)

// ColBERT is the file that tells so that the model is one.
const ColBERT = "artifact.metadata"
