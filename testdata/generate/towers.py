# -*- coding: utf-8 -*-
"""Makes tiny folders with random weights, laid out as published, of models that need more than popular.py makes, and what
sentence-transformers answers: text models beside those of images, encoders of translators, models of entities, and the whole
folders of models whose code is published beside the weights.

usage: towers.py --goldens testdata/goldens --out DIR [--only name,name]

For each model a folder DIR/<name>/ is written, of the same files as those of popular.py:
  model/               the files that its publisher has, as small as they can be: bfloat16 weights, a vocabulary of a few texts
  answers.safetensors  the embeddings of the texts of cases.json: plain, and for each prompt by its name
  cases.json           texts, prompts, and the ids that the reference gives the model
All numbers are float32 on a CPU, of the folder as it is on disk. Needs the packages in requirements.txt.
"""

import argparse, json, os, shutil, tempfile

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

torch.set_num_threads(1)
TEXTS = ["river", "The Mountain and the  river", " x  y ", "Wie weit ist es bis zum Fluß?", "a b c d e f g h i j k l m n o p " * 4, "3.14, 2026!"]
ENDED = ["a river <|endoftext|> a mountain", "<|endoftext|>river", "river <|endoftext|><|endoftext|>", "the river " * 12 + "<|endoftext|> the mountain"]  # CLIP's end token
CORPUS = "the mountain and the river the other bank of the river wie weit ist es bis zum fluss der fluss ist weit".split()
VERSION = {"sentence_transformers": "6.2.0", "transformers": "5.23.0", "pytorch": "2.15.0"}


def write(folder, files):
    """Writes files: text as it is, the others as JSON."""
    for name, content in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            if isinstance(content, str):
                f.write(content)
            else:
                json.dump(content, f, indent=1)


def randomize(model, seed):
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            r = torch.randn(p.shape, generator=g)
            if p.dim() <= 1:
                p.copy_(0.2 * r if name.endswith("bias") else 1 + 0.2 * r)
            elif "embed" in name and "projection" not in name or "shared" in name:
                p.copy_(r)
            else:
                p.copy_(1.3 * r / (p.numel() // p.shape[0]) ** 0.5)
            p.copy_(p.to(torch.bfloat16).float())
    return model


def save(tensors, path):
    save_file({k: v.to(torch.bfloat16).contiguous() if v.is_floating_point() else v for k, v in tensors.items()}, path, metadata={"format": "pt"})


def clip_pieces(steps=60):
    """A byte-level BPE as CLIP's: single bytes, those that end a word, and merges of the commonest pairs, the first of equals."""
    letters = list(bytes_to_unicode().values())
    words = [list(w[:-1]) + [w[-1] + "</w>"] for w in CORPUS]
    vocab, merges = letters + [x + "</w>" for x in letters], []
    for _ in range(steps):
        counts = {}
        for w in words:
            for pair in zip(w, w[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        best = max(counts, key=lambda p: (counts[p], p))
        merges.append(" ".join(best))
        vocab.append("".join(best))
        for w in words:
            i = 0
            while i + 1 < len(w):
                if (w[i], w[i + 1]) == best:
                    w[i : i + 2] = ["".join(best)]
                i += 1
    vocab += ["<|startoftext|>", "<|endoftext|>"]
    return {piece: i for i, piece in enumerate(vocab)}, merges


def answers(st, prompts, texts=TEXTS):
    """The ids and vectors of the texts, each encoded alone."""
    ids, vectors = {}, {}
    for label, prompt in [("plain", "")] + list(prompts.items()):
        rows = [st.preprocess([prompt + t]) for t in texts]
        ids[label] = [r["input_ids"][0][r["attention_mask"][0].bool()].tolist() for r in rows]
        vectors[label] = torch.from_numpy(st.encode(texts, prompt=prompt, batch_size=1, convert_to_numpy=True))
    return ids, vectors


def finish(d, name, prompts, ids, vectors):
    save_file({k: v.detach().float().contiguous() for k, v in vectors.items()}, os.path.join(d, "answers.safetensors"))
    with open(os.path.join(d, "cases.json"), "w") as f:
        texts = TEXTS + ENDED if name.startswith("clip") else TEXTS
        json.dump(dict(texts=texts, prompts=prompts, ids=ids), f, indent=0)
    plain = vectors["plain"]
    print(f"{name:28s} {plain.shape[1]} dimensions, standard deviation {plain.std():.3f}", flush=True)


def clip(name, d, folder):
    """sentence-transformers' clip-ViT-B-32, as it is published, as 6.2 saves it, and OpenAI's, which has no modules.json."""
    vocab, merges = clip_pieces()
    end = vocab["<|endoftext|>"]
    text = dict(hidden_size=20, intermediate_size=36, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=24, projection_dim=16)
    text |= dict(vocab_size=len(vocab), bos_token_id=end - 1, eos_token_id=end, pad_token_id=1, hidden_act="quick_gelu", layer_norm_eps=1e-5)
    vision = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=8, patch_size=8, projection_dim=16)
    config = dict(architectures=["CLIPModel"], model_type="clip", projection_dim=16, logit_scale_init_value=2.6592, transformers_version="4.7.0.dev0")
    if name == "clip-vit-b-32":  # the older ids, of which the reference takes the highest for the end, and both spellings of the settings
        text |= dict(bos_token_id=0, eos_token_id=2)
        config |= dict(text_config_dict=text, vision_config_dict=vision, text_config=text | dict(hidden_act="gelu"), vision_config=vision)
    else:
        config |= dict(text_config=text, vision_config=vision)
    flags = lambda t: dict(content=t, single_word=False, lstrip=False, rstrip=False, normalized=True)
    start, stop = "<|startoftext|>", "<|endoftext|>"
    at = "0_CLIPModel/" if name == "clip-vit-b-32" else ""
    files = {
        "config.json": config,
        "vocab.json": vocab,
        "merges.txt": "#version: 0.2\n" + "\n".join(merges) + "\n",
        "special_tokens_map.json": dict(bos_token=flags(start), eos_token=flags(stop), unk_token=flags(stop), pad_token=stop),
        "tokenizer_config.json": dict(
            unk_token=dict(flags(stop), __type="AddedToken"), bos_token=dict(flags(start), __type="AddedToken"),
            eos_token=dict(flags(stop), __type="AddedToken"), pad_token=stop, add_prefix_space=False, errors="replace", do_lower_case=True,
            name_or_path="openai/clip-vit-base-patch32", model_max_length=24, tokenizer_class="CLIPTokenizer",
        ),
        "preprocessor_config.json": dict(
            crop_size=8, do_center_crop=True, do_normalize=True, do_resize=True, feature_extractor_type="CLIPFeatureExtractor",
            image_mean=[0.5, 0.5, 0.5], image_std=[0.25, 0.25, 0.25], resample=3, size=8,
        ),
    }  # fmt: skip
    write(folder, {at + k: v for k, v in files.items()})
    if at:
        module = dict(idx=0, name="0", path="0_CLIPModel", type="sentence_transformers.models.CLIPModel")
        write(folder, {"modules.json": [module], "config_sentence_transformers.json": {"__version__": {"sentence_transformers": "2.0.0"}}})
    model = randomize(AutoModel.from_config(AutoConfig.from_pretrained(os.path.join(folder, at))), sum(name.encode()))
    save(model.state_dict() | {"text_model.embeddings.position_ids": torch.arange(24)[None]}, os.path.join(folder, at, "model.safetensors"))
    load = dict(device="cpu", model_kwargs={"dtype": torch.float32})
    if name == "clip-saved":
        from sentence_transformers.base.modules import Normalize

        st = SentenceTransformer(modules=[SentenceTransformer(folder, **load)[0], Normalize()], device="cpu")
        saved = os.path.join(d, "saved")
        st.save(saved, create_model_card=False)
        shutil.rmtree(folder)
        os.rename(saved, folder)
        path = os.path.join(folder, "model.safetensors")
        save(load_file(path), path)
    return answers(SentenceTransformer(folder, **load).eval(), {}, TEXTS + ENDED) + ({},)


def pieces(kind, **args):
    """A SentencePiece model of a few texts."""
    import io, sentencepiece

    out = io.BytesIO()
    lines = iter([" ".join(CORPUS), " ".join(TEXTS), "abcdefghijklmnopqrstuvwxyz", "The 0123456789 lines, of! many? texts."] * 3)
    settings = dict(model_type=kind, vocab_size=160, hard_vocab_limit=False, minloglevel=2, character_coverage=1.0, num_threads=1)
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as d:
        os.chdir(d)  # the model holds the path of the rules
        try:
            with open("rules.tsv", "w") as f:
                for a, b in {"\ufb01": "fi", "\u00a0": " ", "\uff01": "!", "\u2026": "..."}.items():
                    f.write(f"{ord(a):x}\t" + " ".join(f"{ord(c):x}" for c in b) + "\n")
            settings |= dict(normalization_rule_tsv="rules.tsv") | args
            sentencepiece.SentencePieceTrainer.train(sentence_iterator=lines, model_writer=out, **settings)
        finally:
            os.chdir(before)
    return out.getvalue()


def sonar(name, d, folder):
    """The ports of facebook's SONAR text encoder, which have no modules.json: with tokenizer.json, and without."""
    flags = lambda t, **more: dict(content=t, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) | more
    with open(os.path.join(folder, "sentencepiece.bpe.model"), "wb") as f:
        f.write(pieces("bpe"))
    languages = ["deu_Latn", "eng_Latn", "rus_Cyrl"]
    special = dict(bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>")
    settings = special | dict(extra_special_tokens=languages, legacy_behaviour=False, src_lang=None, tgt_lang=None, model_max_length=40)
    if name == "sonar-pieces":
        settings |= dict(legacy_behaviour=True, src_lang="deu_Latn")
    write(folder, {"tokenizer_config.json": settings | dict(tokenizer_class="NllbTokenizer"), "config.json": dict(model_type="m2m_100")})
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = dict(
        architectures=["M2M100Encoder"], model_type="m2m_100", vocab_size=len(tokenizer), d_model=20, encoder_layers=2, encoder_ffn_dim=36,
        encoder_attention_heads=2, decoder_layers=2, decoder_ffn_dim=36, decoder_attention_heads=2, max_position_embeddings=64,
        scale_embedding=True, activation_function="relu", is_encoder_decoder=True, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        decoder_start_token_id=2, tokenizer_class="NllbTokenizer", transformers_version="4.38.2",
    )  # fmt: skip
    write(folder, {"config.json": config})
    if name == "sonar":
        saved = os.path.join(d, "saved")
        tokenizer.save_pretrained(saved)
        os.rename(os.path.join(saved, "tokenizer.json"), os.path.join(folder, "tokenizer.json"))
        shutil.rmtree(saved)
        ids = {t: tokenizer.convert_tokens_to_ids(t) for t in ["<s>", "<pad>", "</s>", "<unk>", "<mask>"] + languages}
        known = {str(i): flags(t, lstrip=t == "<mask>", normalized=t == "<mask>") for t, i in ids.items()}
        del settings["extra_special_tokens"]
        settings |= dict(added_tokens_decoder=known, additional_special_tokens=languages)
        write(folder, {"tokenizer_config.json": settings | dict(tokenizer_class="NllbTokenizer")})
        write(folder, {"special_tokens_map.json": special | dict(additional_special_tokens=languages, mask_token=flags("<mask>", lstrip=True, normalized=True))})
    from transformers.models.m2m_100.modeling_m2m_100 import M2M100Encoder

    save(randomize(M2M100Encoder(AutoConfig.from_pretrained(folder)), sum(name.encode())).state_dict(), os.path.join(folder, "model.safetensors"))
    return answers(SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": torch.float32}).eval(), {}) + ({},)


def glucose(name, d, folder):
    """pkshatech/GLuCoSE-base-ja: LUKE without entities, whose tokenizer transformers 5 reads with other ids than 4.57.6, which trained it."""
    import sentencepiece

    model = pieces("unigram")
    spm = sentencepiece.SentencePieceProcessor(model_proto=model)
    with open(os.path.join(folder, "sentencepiece.bpe.model"), "wb") as f:
        f.write(model)
    mask = len(spm) + 1
    special = dict(bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>", unk_token="<unk>", pad_token="<pad>")
    flags = dict(content="<mask>", lstrip=True, normalized=True, rstrip=False, single_word=False)
    entities = dict(content="<ent>", lstrip=False, normalized=True, rstrip=False, single_word=False)
    more = [entities, dict(entities, content="<ent2>")] * 2
    old = "sentence_transformers.models."
    config = dict(
        architectures=["LukeModel"], model_type="luke", vocab_size=mask + 3, hidden_size=20, intermediate_size=36, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=66, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        entity_vocab_size=4, entity_emb_size=8, use_entity_aware_attention=True, cls_entity_prediction=False, hidden_act="gelu",
        bert_model_name="models/luke-japanese/hf_xlm_roberta", position_embedding_type="absolute", transformers_version="4.29.1",
    )  # fmt: skip
    files = {
        "config.json": config,
        "modules.json": [
            dict(idx=0, name="0", path="", type=old + "Transformer"), dict(idx=1, name="1", path="1_Pooling", type=old + "Pooling"),
        ],
        "1_Pooling/config.json": dict(word_embedding_dimension=20, pooling_mode_cls_token=False, pooling_mode_mean_tokens=True, pooling_mode_max_tokens=False, pooling_mode_mean_sqrt_len_tokens=False),
        "sentence_bert_config.json": dict(max_seq_length=40, do_lower_case=False),
        "config_sentence_transformers.json": {"__version__": {"sentence_transformers": "2.2.2", "transformers": "4.29.1", "pytorch": "2.0.1"}},
        "entity_vocab.json": {"[UNK]": 0, "[PAD]": 1, "[MASK]": 2, "[MASK2]": 3},
        "added_tokens.json": {"<ent>": mask + 1, "<ent2>": mask + 2},
        "special_tokens_map.json": special | dict(mask_token=flags, additional_special_tokens=more),
        "tokenizer_config.json": special | dict(
            mask_token=dict(flags, __type="AddedToken"), additional_special_tokens=[dict(t, __type="AddedToken") for t in more], sp_model_kwargs={},
            entity_mask2_token="[MASK2]", entity_mask_token="[MASK]", entity_pad_token="[PAD]", entity_unk_token="[UNK]", task=None,
            entity_token_1=dict(entities, __type="AddedToken"), entity_token_2=dict(entities, content="<ent2>", __type="AddedToken"),
            max_entity_length=32, max_mention_length=30, model_max_length=512, clean_up_tokenization_spaces=True, tokenizer_class="MLukeTokenizer",
        ),
    }  # fmt: skip
    write(folder, files)
    luke = randomize(AutoModel.from_config(AutoConfig.from_pretrained(folder)), sum(name.encode())).eval()
    save(luke.state_dict(), os.path.join(folder, "model.safetensors"))
    # As MLukeTokenizer of 4.57.6: the ids of fairseq, one more than the model's, and 3 for what it does not know.
    fairseq = lambda t: [0] + [i + 1 if i else 3 for i in spm.encode(t)][:38] + [2]
    ids = {"plain": [fairseq(t) for t in TEXTS]}
    with torch.no_grad():
        rows = [luke(input_ids=torch.tensor([i])).last_hidden_state[0].mean(0) for i in ids["plain"]]
    return ids, {"plain": torch.stack(rows)}, {}


QWEN = dict(
    architectures=["Qwen3Model"], model_type="qwen3", hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=6, hidden_act="silu", max_position_embeddings=64, rms_norm_eps=1e-6, rope_theta=1e6, attention_bias=False,
    sliding_window=None, use_sliding_window=False, tie_word_embeddings=True, transformers_version="4.51.3",
)  # fmt: skip
OLD, NEW = "sentence_transformers.models.", "sentence_transformers.sentence_transformer.modules."


def modules(*list, spelling=OLD):
    return [dict(idx=i, name=str(i), path=p, type=t if "." in t else spelling + t) for i, (t, p, *_) in enumerate(list)]


def mean(width):
    keys = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
    return dict(word_embedding_dimension=width, include_prompt=True) | {"pooling_mode_" + k: k == "mean_tokens" for k in keys}


def tokenizer_of(golden, folder, **settings):
    """The tokenizer.json of a golden, as a class of its publisher's reads it."""
    shutil.copy(os.path.join(GOLDENS, golden, "model", "tokenizer.json"), folder)
    write(folder, {"tokenizer_config.json": dict(model_max_length=40, padding_side="right") | settings})
    return len(AutoTokenizer.from_pretrained(folder))


def bidirectional_qwen3(name, folder, **files):
    """A Qwen3 whose tokens see each other, as transformers computes it of is_causal, with the modules in files."""
    size = tokenizer_of("qwen3", folder, tokenizer_class="Qwen2Tokenizer", eos_token="<|endoftext|>", pad_token="<|endoftext|>")
    config = QWEN | dict(vocab_size=size, pad_token_id=size - 3, eos_token_id=size - 3)
    write(folder, files | {"config.json": config | dict(is_causal=False)})
    model = randomize(AutoModel.from_config(AutoConfig.from_pretrained(folder)), sum(name.encode()))
    save(model.state_dict(), os.path.join(folder, "model.safetensors"))
    return config, model.state_dict()


def pplx(name, d, folder):
    """perplexity-ai/pplx-embed-v1: the mean as whole numbers of its tanh, which the code beside it, st_quantize.py, makes."""
    list = [("Transformer", ""), ("Pooling", "1_Pooling"), ("st_quantize.FlexibleQuantizer", "")]
    settings = {"__version__": {"sentence_transformers": "5.1.0"}, "prompts": {}, "default_prompt_name": None, "similarity_fn_name": "cosine"}
    files = {"modules.json": modules(*list[:2]), "1_Pooling/config.json": mean(24), "config_sentence_transformers.json": settings}
    config, _ = bidirectional_qwen3(name, folder, **files)
    ids, vectors = answers(SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": torch.float32}).eval(), {})
    vectors = {k: torch.clamp(torch.round(torch.tanh(v) * 127), -128, 127) for k, v in vectors.items()}
    code = {"AutoConfig": "configuration.PPLXQwen3Config", "AutoModel": "modeling.PPLXQwen3Model"}
    published = config | dict(architectures=["PPLXQwen3Model"], model_type="bidirectional_pplx_qwen3", auto_map=code, use_bidirectional_attention=True)
    listed = modules(*list)
    listed[2]["kwargs"] = ["quantization"]
    write(folder, {"config.json": published, "modules.json": listed})
    return ids, vectors, {}


def voyage(name, d, folder):
    """voyageai/voyage-4-nano: Qwen3 whose tokens see each other, and a linear layer, which the code beside it puts before the mean."""
    prompts = {"query": "Represent the query for retrieving supporting documents: ", "document": "Represent the document for retrieval: "}
    settings = {"__version__": {"sentence_transformers": "5.0.0", "transformers": "4.51.3", "pytorch": "2.7.1"}, "prompts": prompts}
    settings |= {"default_prompt_name": None, "similarity_fn_name": "cosine"}
    list = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    # The reference has the layer behind the mean, as a Dense without bias.
    dense = modules(list[0], list[1], ("Dense", "3_Dense"), list[2])
    identity = dict(in_features=24, out_features=32, bias=False, activation_function="torch.nn.modules.linear.Identity")
    files = {"modules.json": dense, "1_Pooling/config.json": mean(24), "3_Dense/config.json": identity, "config_sentence_transformers.json": settings}
    config, tensors = bidirectional_qwen3(name, folder, **files)
    linear = randomize(torch.nn.Linear(24, 32, bias=False), 7).weight.detach()
    save({"linear.weight": linear}, os.path.join(folder, "3_Dense", "model.safetensors"))
    ids, vectors = answers(SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": torch.float32}).eval(), prompts)
    shutil.rmtree(os.path.join(folder, "3_Dense"))
    code = {"AutoModel": "modeling_qwen3_bidirectional.Qwen3BidirectionalModel"}
    published = config | dict(architectures=["Qwen3BidirectionalModel"], auto_map=code, num_labels=32, use_bidirectional_attention=True)
    limit = {"max_seq_length": 40, "do_lower_case": False}
    write(folder, {"config.json": published, "modules.json": modules(*list), "1_Pooling/config.json": mean(32), "sentence_bert_config.json": limit})
    save({"model." + k: v for k, v in tensors.items()} | {"linear.weight": linear}, os.path.join(folder, "model.safetensors"))
    return ids, vectors, prompts


def lfm(name, d, folder):
    """LiquidAI/LFM2.5-Embedding: LFM2 whose tokens see each other, in plain PyTorch of published.py, and the first token."""
    from published import lfm2, lfm2_tensors
    from variants import lfm2 as lfm2_config

    size = tokenizer_of("llama", folder, tokenizer_class="PreTrainedTokenizerFast", bos_token="<s>", eos_token="</s>", pad_token="</s>")
    code = {"AutoModel": "modeling_lfm2_bidirectional.Lfm2BidirectionalModel"}
    config = lfm2_config(auto_map=code, intermediate_size=40, block_auto_adjust_ff_dim=False, conv_L_cache=3, vocab_size=size)
    config |= dict(architectures=["Lfm2BidirectionalModel"], max_position_embeddings=64, transformers_version="5.0.0")
    prompts = {"query": "query: ", "document": "document: "}
    settings = {"__version__": VERSION, "model_type": "SentenceTransformer", "prompts": prompts, "default_prompt_name": None, "similarity_fn_name": "cosine"}
    list = modules(("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"), spelling=NEW)
    pooling = {"embedding_dimension": 24, "pooling_mode": "cls", "include_prompt": True}
    write(folder, {"config.json": config, "modules.json": list, "1_Pooling/config.json": pooling, "config_sentence_transformers.json": settings})
    tensors = {k: v.to(torch.bfloat16).to(v.dtype) for k, v in lfm2_tensors(config, sum(name.encode())).items()}
    save(tensors, os.path.join(folder, "model.safetensors"))
    tokenizer, hidden = AutoTokenizer.from_pretrained(folder), lfm2(config, tensors)
    ids, vectors = {}, {}
    for label, prompt in [("plain", "")] + [*prompts.items()]:
        ids[label] = [tokenizer(prompt + t, truncation=True, max_length=40)["input_ids"] for t in TEXTS]
        with torch.no_grad():
            first = torch.stack([hidden(torch.tensor(i))[0] for i in ids[label]])
        vectors[label] = torch.nn.functional.normalize(first, dim=-1)
    return ids, vectors, prompts


# The functions that make folders; they return the ids, the vectors and the prompts.
MODELS = {"clip-vit-b-32": clip, "clip-openai": clip, "clip-saved": clip, "sonar": sonar, "sonar-pieces": sonar, "glucose": glucose, "pplx-embed": pplx, "voyage-4-nano": voyage, "lfm2.5-embedding": lfm}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--goldens", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--only")
    a = ap.parse_args()
    global GOLDENS
    GOLDENS = os.path.abspath(a.goldens)
    for name, make in MODELS.items():
        if not a.only or name in a.only.split(","):
            d = os.path.join(a.out, name)
            shutil.rmtree(d, ignore_errors=True)
            folder = os.path.join(d, "model")
            os.makedirs(folder)
            ids, vectors, prompts = make(name, d, folder)
            finish(d, name, prompts, ids, vectors)


main()
