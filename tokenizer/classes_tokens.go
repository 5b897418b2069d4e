package tokenizer

// classTokens are the special tokens that a tokenizer class has where a folder does not name
// them, by the class, without Fast at the end.
var classTokens = map[string]map[string]string{
	"BertTokenizer": bertTokens, "DistilBertTokenizer": bertTokens, "ElectraTokenizer": bertTokens, "ConvBertTokenizer": bertTokens,
	"SqueezeBertTokenizer": bertTokens, "MobileBertTokenizer": bertTokens, "LayoutLMTokenizer": bertTokens, "LxmertTokenizer": bertTokens,
	"MPNetTokenizer": {
		"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "[UNK]",
		"pad_token": "<pad>", "mask_token": "<mask>",
	},
	"RobertaTokenizer": fairseqTokens, "LongformerTokenizer": fairseqTokens, "BartTokenizer": fairseqTokens,
	"XLMRobertaTokenizer": fairseqTokens, "CamembertTokenizer": fairseqTokens, "NllbTokenizer": fairseqTokens,
	"MLukeTokenizer": fairseqTokens,
	"AlbertTokenizer": {
		"bos_token": "[CLS]", "eos_token": "[SEP]", "unk_token": "<unk>", "sep_token": "[SEP]", "pad_token": "<pad>",
		"cls_token": "[CLS]", "mask_token": "[MASK]",
	},
	"DebertaTokenizer": debertaTokens, "DebertaV2Tokenizer": debertaTokens,
	"T5Tokenizer":      {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"},
	"LlamaTokenizer":   {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
	"GemmaTokenizer":   {"unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "mask_token": "<mask>"},
	"CLIPTokenizer":    {"bos_token": "<|startoftext|>", "eos_token": endOfText, "unk_token": endOfText, "pad_token": endOfText},
	"GPT2Tokenizer":    {"bos_token": endOfText, "eos_token": endOfText, "unk_token": endOfText},
	"GPTNeoXTokenizer": {"bos_token": endOfText, "eos_token": endOfText, "unk_token": endOfText},
	"Qwen2Tokenizer":   {"eos_token": endOfText, "unk_token": endOfText, "pad_token": endOfText},
}

const endOfText = "<|endoftext|>"

var (
	bertTokens = map[string]string{
		"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
	}
	// fairseqTokens are of classes that follow fairseq.
	fairseqTokens = map[string]string{
		"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>",
		"pad_token": "<pad>", "mask_token": "<mask>",
	}
	debertaTokens = map[string]string{
		"bos_token": "[CLS]", "eos_token": "[SEP]", "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]",
		"cls_token": "[CLS]", "mask_token": "[MASK]",
	}
)
