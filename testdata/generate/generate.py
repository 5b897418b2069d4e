# -*- coding: utf-8 -*-
"""Makes tiny random-weight embedding models and what they should answer.

usage: generate.py --seed N --out DIR [--only arch,arch]

For every architecture a folder DIR/<arch>/ is written:
  model/               a sentence-transformers folder (config.json, *.safetensors, tokenizer.json, modules.json, 1_Pooling, ...)
  golden.safetensors   input_ids, attention_mask [B,T]; last_hidden_state [B,T,H] (zero where the mask is 0);
                       pooled_<mode> [B,H] for the modes cls max mean mean_sqrt_len_tokens weightedmean lasttoken;
                       sentence [B,D]: what the folder's own modules (pooling, dense, normalize) make of the same input
  encode.safetensors   SentenceTransformer.encode of cases.json's texts: plain, query (prompt_name="query"), custom (prompt=...),
                       normalized, trunc (truncate_dim, not normalized again), trunc_norm (truncate_dim, then normalized),
                       int8/uint8 (given ranges), int8_cal/uint8_cal (ranges from the calibration set), binary, ubinary; ranges [2,D]
  cases.json           texts, the token ids the tokenizer gives each (with special tokens, truncated), prompts, versions, notes
Sizes, pooling, config style and file layout are drawn from the seed. All numbers are float32 on a CPU, from weights read back
from the folder. Needs the pinned packages in requirements.txt. The tokenizers library breaks ties at random when it
trains, so that another run gives other vocabularies, and with them other ids and embeddings of the texts.
"""

import argparse, json, os, random, shutil, sys

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np, torch, transformers, tokenizers
import sentence_transformers
from safetensors.torch import save_file, load_file
from tokenizers import Tokenizer, AddedToken, Regex, models, normalizers, pre_tokenizers, processors, decoders, trainers
from transformers import PreTrainedTokenizerFast, AutoModel
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer, Dense, Normalize
from sentence_transformers.sentence_transformer.modules import Pooling
from sentence_transformers.util import quantize_embeddings

torch.set_num_threads(1)
MODES = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]

# ---------------------------------------------------------------- texts
WORDS = """the a of and to in is was for on that with as it be at by from this have not are but they which you one had were all we can there an your
when said so if out about who get make like time just know take people into year good some could them see other than then now look only come over think
also back after use two how our work first well way even new want because any these give day most us river mountain engine search vector model token
embedding query passage document answer question battery kitchen garden window letter number market bridge winter summer music doctor teacher planet
café naïve façade über größe straße élève niño mañana coração ação żółw řeka İstanbul ångström привет мир данные поиск река гора вопрос ответ
καλημέρα κόσμε שלום עולם مرحبا العالم नमस्ते दुनिया สวัสดี โลก 你好 世界 数据 搜索 东京 こんにちは カタカナ ｶﾅ 안녕하세요 데이터 running runner unhappy
tokenization internationalization SQL HTTP JSON GPU 3.14 2026 1,000 50% $9.99 a@b.io https://x.org/a?b=c#d don't it's we'll C++ e.g. U.S. x=y; {z} [q] (p)""".split()
# fmt: off
ODD = [
    "\t", "\n", "  ", "\u00a0", "\u200b", "\u200d", "\ufeff", "\u0301", "\ufffd", "😀", "👨\u200d👩\u200d👧", "🇫🇷",
    "👍🏽", "ﬁ", "½", "①", "Ⅷ", "㎏", "ﷺ", "\u0000", "\u0007", "\u3000", "e\u0301", "각", "Ａ", "ſ", "ß", "İ", "[CLS]",
    "[MASK]", "<s>", "</s>", "<mask>", "<|endoftext|>", "<pad>", "_", "--", "...", "!!", "''", "##", "▁", "Ġ",
]
# fmt: on


def sentence(rng, lo, hi):
    out = []
    for _ in range(rng.randint(lo, hi)):
        r = rng.random()
        w = rng.choice(WORDS)
        if r < 0.1:
            w = w.upper()
        elif r < 0.2:
            w = w.capitalize()
        elif r < 0.3:
            w = w + rng.choice([",", ".", "!", "?", ";", ":"])
        elif r < 0.36:
            w = rng.choice(ODD)
        elif r < 0.40:
            w = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 9)))
        elif r < 0.43:
            w = str(rng.randint(0, 99999))
        out.append(w)
    return rng.choice([" ", " ", " ", " ", "  ", ""]).join(out) if rng.random() < 0.15 else " ".join(out)


def texts(rng, n):
    t = [
        "",
        " ",
        rng.choice(WORDS),
        rng.choice(WORDS).upper() + "!",
        sentence(rng, 60, 80),
        sentence(rng, 150, 200),
        "x" * rng.randint(90, 130),
        " " + sentence(rng, 3, 5) + "  ",
    ]
    while len(t) < n:
        t.append(sentence(rng, 1, rng.choice([3, 6, 12, 24])))
    return t[:n]


# ---------------------------------------------------------------- tokenizers
def corpus(rng):
    return [sentence(rng, 5, 25) for _ in range(600)]


def template(tok, single, names):
    tok.post_processor = processors.TemplateProcessing(
        single=single, pair=None, special_tokens=[(n, tok.token_to_id(n)) for n in names]
    )


def wordpiece(rng, corp, vocab, lower=True, mpnet=False):
    cls, sep, pad, unk, mask = (
        ("<s>", "</s>", "<pad>", "[UNK]", "<mask>") if mpnet else ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
    )
    tok = Tokenizer(models.WordPiece(unk_token=unk))
    tok.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=lower
    )
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    sp = [cls, pad, sep, unk, mask] if mpnet else [pad, unk, cls, sep, mask]
    tok.train_from_iterator(
        corp,
        trainers.WordPieceTrainer(
            vocab_size=vocab,
            special_tokens=[AddedToken(x, special=True, lstrip=(mpnet and x == mask), normalized=False) for x in sp],
            show_progress=False,
        ),
    )
    if mpnet:
        tok.post_processor = processors.RobertaProcessing(
            (sep, tok.token_to_id(sep)), (cls, tok.token_to_id(cls)), trim_offsets=True, add_prefix_space=False
        )
    else:
        template(tok, f"{cls} $A {sep}", [cls, sep])
    tok.decoder = decoders.WordPiece()
    return tok, dict(pad_token=pad, unk_token=unk, cls_token=cls, sep_token=sep, mask_token=mask)


def bytebpe_roberta(rng, corp, vocab):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    sp = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tok.train_from_iterator(
        corp,
        trainers.BpeTrainer(
            vocab_size=vocab,
            special_tokens=[AddedToken(x, special=True, lstrip=(x == "<mask>"), normalized=False) for x in sp],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tok.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False
    )
    tok.decoder = decoders.ByteLevel()
    return tok, dict(
        bos_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        cls_token="<s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
    )


def bytebpe_modern(rng, corp, vocab):
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    sp = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    tok.train_from_iterator(
        corp,
        trainers.BpeTrainer(
            vocab_size=vocab,
            special_tokens=[AddedToken(x, special=True, lstrip=(x == "[MASK]"), normalized=False) for x in sp],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tok.add_tokens([AddedToken("   ", normalized=True), AddedToken("|||EMAIL|||", normalized=True)])
    template(tok, "[CLS] $A [SEP]", ["[CLS]", "[SEP]"])
    tok.decoder = decoders.ByteLevel()
    return tok, dict(unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]")


QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|")


def bytebpe_qwen(rng, corp, vocab, pattern=QWEN, bos=False):
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tok.train_from_iterator(
        corp,
        trainers.BpeTrainer(
            vocab_size=vocab,
            special_tokens=[],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    sp = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + (["<|begin_of_text|>"] if bos else [])
    tok.add_special_tokens([AddedToken(x, special=True, normalized=False) for x in sp])
    t = processors.TemplateProcessing(
        single=("<|begin_of_text|> $A" if bos else "$A <|endoftext|>"),
        special_tokens=[(x, tok.token_to_id(x)) for x in sp],
    )
    tok.post_processor = processors.Sequence(
        [processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False), t]
    )
    tok.decoder = decoders.ByteLevel()
    return tok, dict(
        eos_token="<|endoftext|>", pad_token="<|endoftext|>", **({"bos_token": "<|begin_of_text|>"} if bos else {})
    )


def spmbpe(rng, corp, vocab, gemma=False):
    sp = ["<pad>", "<eos>", "<bos>", "<unk>"] if gemma else ["<unk>", "<s>", "</s>"]
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tok.normalizer = (
        normalizers.Replace(" ", "▁")
        if gemma
        else normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    )
    if gemma:
        tok.pre_tokenizer = pre_tokenizers.Split(" ", behavior="merged_with_previous")
    bts = [f"<0x{i:02X}>" for i in range(256)]
    # no pre-tokenizer at encode time, so merges are learnt with one that keeps words apart
    pre = tok.pre_tokenizer
    tok.pre_tokenizer = pre_tokenizers.Split(Regex("(?=▁)"), behavior="isolated")
    tok.train_from_iterator(
        corp,
        trainers.BpeTrainer(vocab_size=vocab + 256, special_tokens=sp + bts, limit_alphabet=120, show_progress=False),
    )
    t = json.loads(tok.to_str())
    t["pre_tokenizer"] = json.loads(Tokenizer_pre(pre)) if pre is not None else None
    t["added_tokens"] = [a for a in t["added_tokens"] if a["content"] in sp]
    t["model"]["unk_token"] = "<unk>"
    t["model"]["fuse_unk"] = True
    t["model"]["byte_fallback"] = True
    tok = Tokenizer.from_str(json.dumps(t))
    if gemma:
        template(tok, "<bos> $A <eos>", ["<bos>", "<eos>"])
        return tok, dict(pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", unk_token="<unk>")
    template(tok, "<s> $A </s>", ["<s>", "</s>"])
    return tok, dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>")


def Tokenizer_pre(pre):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre
    return json.dumps(json.loads(t.to_str())["pre_tokenizer"])


def deberta_unigram(rng, corp, vocab):
    sp = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    tok = Tokenizer(models.Unigram())
    tok.normalizer = normalizers.Sequence(
        [normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " "), normalizers.NFC(), normalizers.Strip(left=False, right=True)]
    )
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")])
    tok.train_from_iterator(
        corp,
        trainers.UnigramTrainer(
            vocab_size=vocab,
            special_tokens=[AddedToken(x, special=True, normalized=False) for x in sp],
            unk_token="[UNK]",
            show_progress=False,
        ),
    )
    template(tok, "[CLS] $A [SEP]", ["[CLS]", "[SEP]"])
    tok.decoder = decoders.Metaspace()
    names = dict(bos_token="[CLS]", eos_token="[SEP]", cls_token="[CLS]", sep_token="[SEP]")
    return tok, names | dict(pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]")


def unigram(rng, corp, vocab, t5=False):
    sp = ["<pad>", "</s>", "<unk>"] if t5 else ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tok = Tokenizer(models.Unigram())
    tok.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tok.pre_tokenizer = (
        pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
        )
        if rng.random() < 0.5
        else pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    )
    tok.train_from_iterator(
        corp,
        trainers.UnigramTrainer(
            vocab_size=vocab,
            special_tokens=[AddedToken(x, special=True, lstrip=(x == "<mask>"), normalized=False) for x in sp],
            unk_token="<unk>",
            show_progress=False,
        ),
    )
    if t5:
        template(tok, "$A </s>", ["</s>"])
    else:
        template(tok, "<s> $A </s>", ["<s>", "</s>"])
    tok.decoder = decoders.Metaspace()
    d = dict(pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    if not t5:
        d.update(bos_token="<s>", cls_token="<s>", sep_token="</s>", mask_token="<mask>")
    return tok, d


# ---------------------------------------------------------------- weights
def randomize(model, seed, rms_offset=False):
    g = torch.Generator().manual_seed(seed)
    emb = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    with torch.no_grad():
        for name, p in model.named_parameters():
            low = name.lower()
            r = torch.randn(p.shape, generator=g)
            if "norm" in low and p.dim() == 1 and name.endswith("weight"):
                p.copy_(0.3 * r if rms_offset else 1 + 0.3 * r)
            elif name.endswith("bias") and p.dim() == 1:
                p.copy_(0.2 * r)
            elif id(p) in emb or "embed" in low and "proj" not in low:
                p.copy_(r)
            elif p.dim() == 2:
                p.copy_(1.3 * r / p.shape[1] ** 0.5)
            else:
                p.copy_(0.3 * r)
    return model


# ---------------------------------------------------------------- config styles
def legacy_config(c):
    """Rewrites a transformers 5 config in the keys that 4.x wrote, as most published checkpoints have."""
    c = dict(c)
    rp = c.pop("rope_parameters", None)
    mt = c["model_type"]
    if "dtype" in c:
        c["torch_dtype"] = c.pop("dtype")
    c["transformers_version"] = "4.51.0"
    if rp:
        if mt == "modernbert":
            c["global_rope_theta"] = rp["full_attention"]["rope_theta"]
            c["local_rope_theta"] = rp["sliding_attention"]["rope_theta"]
            lt = c.pop("layer_types", None)
            if lt:
                c["global_attn_every_n_layers"] = next(
                    (i for i in range(1, len(lt)) if lt[i] == "full_attention"), len(lt)
                )
        elif mt == "gemma3_text":
            c["rope_theta"] = rp["full_attention"]["rope_theta"]
            c["rope_local_base_freq"] = rp["sliding_attention"]["rope_theta"]
            c["rope_scaling"] = None
        else:
            c["rope_theta"] = rp["rope_theta"]
            c["rope_scaling"] = (
                None
                if rp.get("rope_type", "default") == "default"
                else {k: v for k, v in rp.items() if k != "rope_theta"}
            )
            c.pop("layer_types", None)
    return c


LEGACY_TYPES = {
    "Transformer": "sentence_transformers.models.Transformer",
    "Pooling": "sentence_transformers.models.Pooling",
    "Dense": "sentence_transformers.models.Dense",
    "Normalize": "sentence_transformers.models.Normalize",
}


def legacy_folder(d, maxlen):
    p = os.path.join(d, "modules.json")
    m = json.load(open(p))
    for x in m:
        x["type"] = LEGACY_TYPES[x["type"].split(".")[-1]]
    json.dump(m, open(p, "w"), indent=2)
    for x in m:
        q = os.path.join(d, x["path"], "config.json")
        if x["type"].endswith("Pooling"):
            c = json.load(open(q))
            modes = c["pooling_mode"]
            modes = [modes] if isinstance(modes, str) else modes
            o = {"word_embedding_dimension": c["embedding_dimension"]}
            for k, v in [
                ("pooling_mode_cls_token", "cls"),
                ("pooling_mode_mean_tokens", "mean"),
                ("pooling_mode_max_tokens", "max"),
                ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"),
                ("pooling_mode_weightedmean_tokens", "weightedmean"),
                ("pooling_mode_lasttoken", "lasttoken"),
            ]:
                o[k] = v in modes
            o["include_prompt"] = c.get("include_prompt", True)
            json.dump(o, open(q, "w"), indent=2)
    json.dump(
        {"max_seq_length": maxlen, "do_lower_case": False},
        open(os.path.join(d, "sentence_bert_config.json"), "w"),
        indent=2,
    )


def upstream_config(c):
    """The keys of the checkpoints published with remote code (nomic-embed-text, gte "new"). Written by hand; the reference reads config.native.json."""
    if c["model_type"] == "nomic_bert":
        return dict(
            architectures=["NomicBertModel"],
            model_type="nomic_bert",
            activation_function={"silu": "swiglu", "gelu": "geglu"}[c["hidden_act"]],
            attn_pdrop=0.0,
            causal=False,
            embd_pdrop=0.0,
            layer_norm_epsilon=c["layer_norm_eps"],
            mlp_fc1_bias=False,
            mlp_fc2_bias=False,
            n_embd=c["hidden_size"],
            n_head=c["num_attention_heads"],
            n_inner=c["intermediate_size"],
            n_layer=c["num_hidden_layers"],
            n_positions=c["max_position_embeddings"],
            max_trained_positions=c["max_position_embeddings"],
            pad_vocab_size_multiple=1,
            parallel_block=False,
            prenorm=False,
            qkv_proj_bias=False,
            resid_pdrop=0.0,
            rotary_emb_base=c["rope_parameters"]["rope_theta"],
            rotary_emb_fraction=1.0,
            rotary_emb_interleaved=False,
            rotary_emb_scale_base=None,
            rotary_scaling_factor=None,
            scale_attn_weights=True,
            torch_dtype="float32",
            type_vocab_size=c["type_vocab_size"],
            use_flash_attn=True,
            use_rms_norm=False,
            vocab_size=c["vocab_size"],
            pad_token_id=c["pad_token_id"],
            transformers_version="4.37.2",
        )
    return dict(
        architectures=["NewModel"],
        model_type="new",
        attention_probs_dropout_prob=0.0,
        hidden_act=c["hidden_act"],
        hidden_dropout_prob=0.1,
        hidden_size=c["hidden_size"],
        intermediate_size=c["intermediate_size"],
        layer_norm_eps=c["layer_norm_eps"],
        layer_norm_type="layer_norm",
        logn_attention_clip1=False,
        logn_attention_scale=False,
        max_position_embeddings=c["max_position_embeddings"],
        num_attention_heads=c["num_attention_heads"],
        num_hidden_layers=c["num_hidden_layers"],
        pack_qkv=True,
        pad_token_id=c["pad_token_id"],
        position_embedding_type="rope",
        rope_scaling=None,
        rope_theta=c["rope_parameters"]["rope_theta"],
        torch_dtype="float32",
        type_vocab_size=c["type_vocab_size"],
        unpad_inputs=False,
        use_memory_efficient_attention=False,
        vocab_size=c["vocab_size"],
        transformers_version="4.41.2",
    )


# ---------------------------------------------------------------- architectures
def build(arch, rng, out, seed, base):
    T = transformers
    heads = rng.choice([2, 3, 4])
    hd = rng.choice([8, 10, 12, 16, 20])
    H = heads * hd
    L = rng.choice([2, 3])
    I = rng.choice([2 * H, 3 * H + 4, H + 6])
    V = rng.choice([420, 500, 560])
    kv = rng.choice([k for k in (1, 2, heads) if heads % k == 0])
    eps = rng.choice([1e-12, 1e-5, 1e-6])
    rms = rng.choice([1e-6, 1e-5])
    maxlen = rng.choice([24, 32, 40])
    corp = corpus(rng)
    act = rng.choice(["gelu", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu"])
    theta = rng.choice([10000.0, 1000000.0, 500.0])
    hdx = rng.choice([8, 12, 16, 24])
    style = rng.choice(["legacy", "current"])
    pool = None
    dense = []
    norm = True
    rms_offset = False
    include_prompt = True
    note = []
    dtype = torch.float32
    prefix = ""
    shard = False
    pad_side = "right"
    b = base
    if b in (
        "bert",
        "roberta",
        "xlm-roberta",
        "distilbert",
        "mpnet",
        "electra",
        "albert",
        "deberta-v2",
        "nomic-bert",
        "gte",
        "jina-v3",
    ):
        if b == "roberta":
            tok, sp = bytebpe_roberta(rng, corp, V)
        elif b in ("xlm-roberta", "jina-v3"):
            tok, sp = unigram(rng, corp, V)
        elif b == "mpnet":
            tok, sp = wordpiece(rng, corp, V, True, True)
        elif b == "deberta-v2":
            tok, sp = deberta_unigram(rng, corp, V)
        elif b == "gte":
            tok, sp = rng.choice([wordpiece, unigram])(rng, corp, V)
        else:
            tok, sp = wordpiece(rng, corp, V, rng.random() < 0.7)
        vs = tok.get_vocab_size()
        pad = tok.token_to_id(sp["pad_token"])
        com = dict(
            vocab_size=vs,
            hidden_size=H,
            num_hidden_layers=L,
            num_attention_heads=heads,
            intermediate_size=I,
            hidden_act=act,
            max_position_embeddings=maxlen
            + rng.choice([0, 8])
            + (pad + 1 if b in ("roberta", "xlm-roberta", "mpnet") else 0),
            layer_norm_eps=eps,
            pad_token_id=pad,
        )
        if b == "bert":
            m = T.BertModel(T.BertConfig(type_vocab_size=2, **com))
            pool = "mean"
        if b == "roberta":
            m = T.RobertaModel(T.RobertaConfig(type_vocab_size=1, bos_token_id=0, eos_token_id=2, **com))
            pool = "cls"
        if b == "xlm-roberta":
            m = T.XLMRobertaModel(T.XLMRobertaConfig(type_vocab_size=1, bos_token_id=0, eos_token_id=2, **com))
            pool = "mean"
        if b == "distilbert":
            m = T.DistilBertModel(
                T.DistilBertConfig(
                    vocab_size=vs,
                    dim=H,
                    hidden_dim=I,
                    n_layers=L,
                    n_heads=heads,
                    activation=rng.choice(["gelu", "relu"]),
                    max_position_embeddings=com["max_position_embeddings"],
                    pad_token_id=pad,
                )
            )
            pool = "mean"
        if b == "mpnet":
            m = T.MPNetModel(T.MPNetConfig(relative_attention_num_buckets=32, bos_token_id=0, eos_token_id=2, **com))
            pool = "mean"
        if b == "electra":
            m = T.ElectraModel(T.ElectraConfig(embedding_size=rng.choice([H, 24]), type_vocab_size=2, **com))
            pool = "max"
            norm = False
        if b == "albert":
            m = T.AlbertModel(
                T.AlbertConfig(
                    embedding_size=20,
                    inner_group_num=1,
                    num_hidden_groups=rng.choice([1, 1, L]),
                    bos_token_id=2,
                    eos_token_id=3,
                    type_vocab_size=2,
                    **com,
                )
            )
            pool = "mean_sqrt_len_tokens"
        if b == "deberta-v2":
            m = T.DebertaV2Model(
                T.DebertaV2Config(
                    type_vocab_size=0,
                    relative_attention=True,
                    position_buckets=8,
                    norm_rel_ebd="layer_norm",
                    share_att_key=True,
                    pos_att_type=["p2c", "c2p"],
                    position_biased_input=False,
                    **com,
                )
            )
            pool = "mean"
        com.pop("max_position_embeddings")
        if b == "nomic-bert":
            com["hidden_act"] = rng.choice(["silu", "silu", "gelu"])
            m = T.NomicBertModel(
                T.NomicBertConfig(
                    max_position_embeddings=64,
                    type_vocab_size=2,
                    rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
                    **com,
                )
            )
            pool = "mean"
            style = "upstream" if style == "legacy" else style
        if b == "gte":
            m = T.GteModel(
                T.GteConfig(
                    max_position_embeddings=64,
                    type_vocab_size=1,
                    rope_parameters={"rope_type": "default", "rope_theta": theta},
                    **com,
                )
            )
            pool = "cls"
            style = "upstream" if style == "legacy" else style
        if b == "jina-v3":
            m = T.JinaEmbeddingsV3Model(
                T.JinaEmbeddingsV3Config(
                    max_position_embeddings=64,
                    type_vocab_size=1,
                    rope_parameters={"rope_type": "default", "rope_theta": 20000.0},
                    **com,
                )
            )
            pool = "mean"
            style = "current"
    elif b == "modernbert":
        tok, sp = bytebpe_modern(rng, corp, V)
        vs = tok.get_vocab_size()
        ids = {k: tok.token_to_id(v) for k, v in sp.items()}
        L = rng.choice([3, 4, 5])
        m = T.ModernBertModel(
            T.ModernBertConfig(
                vocab_size=vs,
                hidden_size=H,
                num_hidden_layers=L,
                num_attention_heads=heads,
                intermediate_size=I,
                hidden_activation=rng.choice(["gelu", "gelu", "silu"]),
                max_position_embeddings=64,
                norm_eps=1e-5,
                norm_bias=rng.random() < 0.3,
                attention_bias=rng.random() < 0.3,
                mlp_bias=rng.random() < 0.3,
                global_attn_every_n_layers=rng.choice([2, 3]),
                local_attention=rng.choice([6, 8, 12]),
                pad_token_id=ids["pad_token"],
                cls_token_id=ids["cls_token"],
                sep_token_id=ids["sep_token"],
                bos_token_id=ids["cls_token"],
                eos_token_id=ids["sep_token"],
            )
        )
        pool = rng.choice(["mean", "cls"])
    elif b == "eurobert":
        tok, sp = bytebpe_qwen(rng, corp, V, LLAMA3, True)
        vs = tok.get_vocab_size()
        pad = tok.token_to_id(sp["pad_token"])
        m = T.EuroBertModel(
            T.EuroBertConfig(
                vocab_size=vs,
                hidden_size=H,
                num_hidden_layers=L,
                num_attention_heads=heads,
                num_key_value_heads=kv,
                intermediate_size=I,
                max_position_embeddings=64,
                rms_norm_eps=rms,
                rope_parameters={"rope_type": "default", "rope_theta": theta},
                pad_token_id=pad,
                bos_token_id=tok.token_to_id("<|begin_of_text|>"),
                eos_token_id=pad,
                mask_token_id=pad,
            )
        )
        pool = "mean"
    elif b in ("qwen2", "qwen3"):
        tok, sp = bytebpe_qwen(rng, corp, V)
        vs = tok.get_vocab_size() + rng.choice([0, 5])
        pad = tok.token_to_id("<|endoftext|>")
        com = dict(
            vocab_size=vs,
            num_hidden_layers=L,
            num_attention_heads=heads,
            num_key_value_heads=kv,
            intermediate_size=I,
            max_position_embeddings=64,
            rms_norm_eps=rms,
            rope_parameters={"rope_type": "default", "rope_theta": theta},
            pad_token_id=pad,
            bos_token_id=pad,
            eos_token_id=pad,
            use_sliding_window=False,
        )
        pad_side = rng.choice(["left", "right"])
        if b == "qwen2":
            m = T.Qwen2Model(T.Qwen2Config(hidden_size=H, **com))
        else:
            m = T.Qwen3Model(
                T.Qwen3Config(hidden_size=rng.choice([32, 36, 48, 50]), head_dim=hdx, attention_bias=False, **com)
            )
        pool = "lasttoken"
    elif b in ("mistral", "llama"):
        tok, sp = (
            spmbpe(rng, corp, V) if b == "mistral" or rng.random() < 0.5 else bytebpe_qwen(rng, corp, V, LLAMA3, True)
        )
        vs = tok.get_vocab_size()
        g = lambda k: tok.token_to_id(sp[k])
        com = dict(
            vocab_size=vs,
            num_hidden_layers=L,
            num_attention_heads=heads,
            num_key_value_heads=kv,
            intermediate_size=I,
            max_position_embeddings=64,
            rms_norm_eps=rms,
            pad_token_id=g("pad_token"),
            bos_token_id=g("bos_token"),
            eos_token_id=g("eos_token"),
        )
        if b == "mistral":
            m = T.MistralModel(
                T.MistralConfig(
                    hidden_size=rng.choice([H, 44]),
                    head_dim=hdx,
                    sliding_window=rng.choice([None, 4096, 7, 8]),
                    rope_parameters={"rope_type": "default", "rope_theta": theta},
                    **com,
                )
            )
            pool = "lasttoken"
        else:
            rp = rng.choice(
                [
                    {"rope_type": "default", "rope_theta": theta},
                    {
                        "rope_type": "llama3",
                        "rope_theta": 500000.0,
                        "factor": 8.0,
                        "low_freq_factor": 1.0,
                        "high_freq_factor": 4.0,
                        "original_max_position_embeddings": 32,
                    },
                ]
            )
            m = T.LlamaModel(
                T.LlamaConfig(
                    hidden_size=H, attention_bias=rng.random() < 0.3, mlp_bias=False, rope_parameters=rp, **com
                )
            )
            pool = "weightedmean"
    elif b == "gemma3":
        tok, sp = spmbpe(rng, corp, V, gemma=True)
        vs = tok.get_vocab_size()
        L = rng.choice([3, 4])
        hs = rng.choice([32, 36, 48])
        m = T.Gemma3TextModel(
            T.Gemma3TextConfig(
                vocab_size=vs,
                hidden_size=hs,
                num_hidden_layers=L,
                num_attention_heads=heads,
                num_key_value_heads=kv,
                head_dim=hdx,
                intermediate_size=I,
                max_position_embeddings=64,
                rms_norm_eps=rms,
                query_pre_attn_scalar=rng.choice([hdx, 24]),
                sliding_window=rng.choice([8, 12, 15]),
                layer_types=[("full_attention" if (i + 1) % 3 == 0 else "sliding_attention") for i in range(L)],
                rope_parameters={
                    "full_attention": {"rope_type": "default", "rope_theta": 1000000.0},
                    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                },
                use_bidirectional_attention=True,
                pad_token_id=0,
                eos_token_id=1,
                bos_token_id=2,
            )
        )
        rms_offset = True
        pool = "mean"
        dense = [(hs, hs * 4, False, "identity"), (hs * 4, hs, False, "identity")]
    elif b == "t5":
        tok, sp = unigram(rng, corp, V, t5=True)
        vs = tok.get_vocab_size()
        style = "current"
        m = T.T5EncoderModel(
            T.T5Config(
                vocab_size=vs,
                d_model=H,
                d_kv=hdx,
                d_ff=I,
                num_layers=L,
                num_heads=heads,
                relative_attention_num_buckets=16,
                relative_attention_max_distance=24,
                feed_forward_proj=rng.choice(["relu", "gated-gelu"]),
                layer_norm_epsilon=1e-6,
                pad_token_id=0,
                eos_token_id=1,
                decoder_start_token_id=0,
                is_encoder_decoder=True,
            )
        )
        pool = "mean"
        dense = [(H, 28, False, "identity")]
    else:
        raise ValueError(b)
    # variants
    if arch == "bert-concat-noprompt":
        pool = ["mean", "max"]
        include_prompt = False
        norm = False
        style = "legacy"
    if arch == "bert-cls-dense":
        pool = "cls"
        dense = [(H, 40, True, "tanh")]
        norm = False
    if arch == "bert-f16-prefix":
        dtype = torch.float16
        prefix = "bert."
        style = "legacy"
        note.append(
            "float16 weights, names prefixed with 'bert.', LayerNorm.gamma/beta, an embeddings.position_ids tensor"
        )
    if arch == "qwen3-bf16-sharded":
        dtype = torch.bfloat16
        prefix = "model."
        shard = True
        note.append("bfloat16 weights, names prefixed with 'model.', an lm_head, two shards with an index")
    if arch == "bert-noprompt":
        include_prompt = False
    m = randomize(m.eval(), seed, rms_offset)
    # folder
    d = os.path.join(out, arch, "model")
    shutil.rmtree(os.path.join(out, arch), ignore_errors=True)
    os.makedirs(d)
    tmp = os.path.join(out, arch, "tmp")
    m.save_pretrained(tmp)
    pt = PreTrainedTokenizerFast(tokenizer_object=tok, model_max_length=maxlen, padding_side=pad_side, **sp)
    if b == "distilbert":
        pt.model_input_names = ["input_ids", "attention_mask"]
    pt.save_pretrained(tmp)
    tr = Transformer(tmp, model_kwargs={"dtype": torch.float32}, max_seq_length=maxlen)
    hdim = m.config.hidden_size if b not in ("distilbert", "t5") else H
    mods = [tr, Pooling(hdim, pooling_mode=pool, include_prompt=include_prompt)]
    for i, (a, o, bias, actf) in enumerate(dense):
        torch.manual_seed(seed + i)
        de = Dense(a, o, bias=bias, activation_function=torch.nn.Tanh() if actf == "tanh" else torch.nn.Identity())
        randomize(de, seed + 100 + i)
        mods.append(de)
    if norm:
        mods.append(Normalize())
    st = SentenceTransformer(
        modules=mods,
        device="cpu",
        prompts={
            "query": rng.choice(["query: ", "search_query: ", "Represent this sentence for searching: "]),
            "document": rng.choice(["passage: ", "search_document: ", ""]),
        },
    )
    st.save(d, create_model_card=False)
    shutil.rmtree(tmp)
    json.dump(m.config.to_dict(), open(os.path.join(out, arch, "tmpc.json"), "w"), default=str)
    os.remove(os.path.join(out, arch, "tmpc.json"))
    if style == "upstream":
        legacy_folder(d, maxlen)
    if style == "legacy":
        c = json.load(open(os.path.join(d, "config.json")))
        json.dump(legacy_config(c), open(os.path.join(d, "config.json"), "w"), indent=2)
        legacy_folder(d, maxlen)
    w = os.path.join(d, "model.safetensors")
    sd = load_file(w)
    sd = {k: v.to(dtype).contiguous() for k, v in sd.items()}
    if arch == "bert-f16-prefix":
        sd = {
            k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
            for k, v in sd.items()
        }
        sd["embeddings.position_ids"] = torch.arange(m.config.max_position_embeddings).unsqueeze(0)
    if prefix:
        sd = {prefix + k: v for k, v in sd.items()}
    if shard:
        sd["lm_head.weight"] = sd["model.embed_tokens.weight"].clone()
        ks = sorted(sd)
        half = len(ks) // 2
        os.remove(w)
        wm = {}
        for i, part in enumerate((ks[:half], ks[half:])):
            fn = f"model-{i + 1:05d}-of-00002.safetensors"
            save_file({k: sd[k] for k in part}, os.path.join(d, fn), metadata={"format": "pt"})
            wm.update({k: fn for k in part})
        json.dump(
            {"metadata": {"total_size": sum(v.numel() * v.element_size() for v in sd.values())}, "weight_map": wm},
            open(os.path.join(d, "model.safetensors.index.json"), "w"),
            indent=2,
        )
    else:
        save_file(sd, w, metadata={"format": "pt"})
    if dtype != torch.float32:
        p = os.path.join(d, "config.json")
        c = json.load(open(p))
        c["torch_dtype" if style == "legacy" else "dtype"] = str(dtype).split(".")[1]
        if arch == "bert-f16-prefix":
            c["architectures"] = ["BertForMaskedLM"]
        if shard:
            c["architectures"] = ["Qwen3ForCausalLM"]
        json.dump(c, open(p, "w"), indent=2)
    return (
        d,
        m,
        dict(
            style=style,
            pooling=pool,
            include_prompt=include_prompt,
            normalize=norm,
            dense=[list(x) for x in dense],
            max_seq_length=maxlen,
            weights_dtype=str(dtype).split(".")[1],
            padding_side=pad_side,
            notes=note,
        ),
        rng,
        sd,
    )


ARCHS = [
    ("bert", "bert"),
    ("bert-cls-dense", "bert"),
    ("bert-concat-noprompt", "bert"),
    ("bert-noprompt", "bert"),
    ("bert-f16-prefix", "bert"),
    ("roberta", "roberta"),
    ("xlm-roberta", "xlm-roberta"),
    ("distilbert", "distilbert"),
    ("mpnet", "mpnet"),
    ("electra", "electra"),
    ("albert", "albert"),
    ("deberta-v2", "deberta-v2"),
    ("nomic-bert", "nomic-bert"),
    ("modernbert", "modernbert"),
    ("gte", "gte"),
    ("jina-v3", "jina-v3"),
    ("eurobert", "eurobert"),
    ("qwen2", "qwen2"),
    ("qwen3", "qwen3"),
    ("qwen3-bf16-sharded", "qwen3"),
    ("mistral", "mistral"),
    ("llama", "llama"),
    ("gemma3", "gemma3"),
    ("t5", "t5"),
]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--only")
    a = ap.parse_args()
    for i, (arch, base) in enumerate(ARCHS):
        if a.only and arch not in a.only.split(","):
            continue
        rng = random.Random(f"{a.seed}-{arch}")
        wseed = rng.randrange(1 << 30)
        d, m, info, rng, sd = build(arch, rng, a.out, wseed, base)
        st = SentenceTransformer(d, device="cpu", model_kwargs={"dtype": torch.float32})
        st.eval()
        hf = st[0].auto_model if hasattr(st[0], "auto_model") else st[0].model
        # the weights that were read back must be those that were written
        ref = {k: v.float() for k, v in m.state_dict().items()}
        got = {k: v.float() for k, v in hf.state_dict().items()}
        tol = {"float32": 0, "float16": 4e-3, "bfloat16": 4e-2}[info["weights_dtype"]]
        for k, v in ref.items():
            if k not in got:
                raise SystemExit(f"{arch}: {k} not loaded")
            if (got[k] - v).abs().max().item() > tol:
                raise SystemExit(f"{arch}: {k} differs {(got[k] - v).abs().max().item()}")
        g = torch.Generator().manual_seed(wseed + 7)
        vs = m.config.vocab_size
        maxT = info["max_seq_length"]
        lens = [1, 2, 3, 5, 8, 13, maxT // 2, maxT - 1, maxT]
        B = len(lens)
        pad = m.config.pad_token_id or 0
        ids = torch.full((B, maxT), pad)
        mask = torch.zeros(B, maxT, dtype=torch.long)
        for r, n in enumerate(lens):
            x = torch.randint(0, vs, (n,), generator=g)
            x[x == pad] = (pad + 1) % vs
            ids[r, :n] = x
            mask[r, :n] = 1
        with torch.no_grad():
            h = hf(input_ids=ids, attention_mask=mask).last_hidden_state.float() * mask[..., None]
            single = max(
                (
                    hf(input_ids=ids[r : r + 1, :n], attention_mask=mask[r : r + 1, :n]).last_hidden_state.float()[0]
                    - h[r, :n]
                )
                .abs()
                .max()
                .item()
                for r, n in enumerate(lens)
            )
            gold = dict(input_ids=ids, attention_mask=mask, last_hidden_state=h.contiguous())
            for md in MODES:
                gold["pooled_" + md] = Pooling(h.shape[-1], pooling_mode=md)(
                    {"token_embeddings": h, "attention_mask": mask}
                )["sentence_embedding"].contiguous()
            f = {"token_embeddings": h, "attention_mask": mask}
            for mod in list(st)[1:]:
                f = mod(f)
            gold["sentence"] = f["sentence_embedding"].contiguous()
        save_file(gold, os.path.join(a.out, arch, "golden.safetensors"))
        tx = texts(rng, 40)
        cal = texts(rng, 40)
        tokfn = st.tokenizer
        custom = rng.choice(["Instruct: find the passage\nQuery: ", "clustering: ", "→ "])
        E = dict(convert_to_numpy=True, show_progress_bar=False, batch_size=7)
        plain = st.encode(tx, **E)
        calib = st.encode(cal, **E)
        D = plain.shape[1]
        td = rng.choice([D // 2, D // 3, D - 3])
        enc = dict(
            plain=plain,
            query=st.encode(tx, prompt_name="query", **E),
            custom=st.encode(tx, prompt=custom, **E),
            normalized=st.encode(tx, normalize_embeddings=True, **E),
            trunc=st.encode(tx, truncate_dim=td, **E),
            trunc_norm=st.encode(tx, truncate_dim=td, normalize_embeddings=True, **E),
        )
        lo, hi = np.percentile(calib, 5, axis=0), np.percentile(calib, 95, axis=0)
        ranges = np.stack([lo, hi]).astype(np.float32)
        ranges[1, 1] = ranges[0, 1]
        for p in ("int8", "uint8"):
            enc[p] = quantize_embeddings(plain, precision=p, ranges=ranges)
            enc[p + "_cal"] = quantize_embeddings(plain, precision=p, calibration_embeddings=calib)
        enc["binary"] = quantize_embeddings(plain, precision="binary")
        enc["ubinary"] = quantize_embeddings(plain, precision="ubinary")
        enc["ranges"] = ranges
        enc["calibration"] = calib
        save_file(
            {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in enc.items()},
            os.path.join(a.out, arch, "encode.safetensors"),
        )

        def toks(prompt=""):
            f = [st.preprocess([prompt + t]) for t in tx]
            return [x["input_ids"][0][x["attention_mask"][0].bool()].tolist() for x in f]

        raw = Tokenizer.from_file(os.path.join(d, "tokenizer.json"))
        raw.no_padding()
        raw.no_truncation()
        json.dump(
            dict(
                arch=arch,
                model_type=m.config.model_type,
                seed=a.seed,
                **info,
                hidden_size=h.shape[-1],
                dim=D,
                truncate_dim=td,
                prompts=st.prompts,
                custom_prompt=custom,
                texts=tx,
                calibration_texts=cal,
                ids=toks(),
                ids_query=toks(st.prompts["query"]),
                ids_custom=toks(custom),
                ids_untruncated=[raw.encode(t).ids for t in tx],
                prompt_lengths={
                    "query": int(st[0]._get_prompt_length(st.prompts["query"])),
                    "custom": int(st[0]._get_prompt_length(custom)),
                },
                golden_lengths=lens,
                max_abs_diff_padded_vs_single=single,
                versions=dict(
                    torch=torch.__version__,
                    transformers=transformers.__version__,
                    tokenizers=tokenizers.__version__,
                    sentence_transformers=sentence_transformers.__version__,
                    numpy=np.__version__,
                ),
            ),
            open(os.path.join(a.out, arch, "cases.json"), "w", encoding="utf-8"),
            ensure_ascii=True,
            indent=0,
        )
        if info["style"] == "upstream":
            p = os.path.join(d, "config.json")
            c = json.load(open(p))
            os.rename(p, os.path.join(d, "config.native.json"))
            json.dump(upstream_config(c), open(p, "w"), indent=2)
        print(
            f"{arch:22s} {info['style']:8s} H={h.shape[-1]} D={D} pool={info['pooling']} std={h[mask.bool()].std():.3f} single-diff={single:.1e} nan={bool(np.isnan(plain).any())}",
            flush=True,
        )


main()
