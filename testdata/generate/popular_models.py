# -*- coding: utf-8 -*-
"""The models of popular.py: the files that each publisher has, with small sizes.

The files follow what the publishers' folders have, as far as their pages show it. Of each: kind; config (config.json), files beside
it by name, tokenizer (of a golden, edited, with its settings). Where needed:
  class                   of transformers
  native, native_names    config.json that the reference reads, and how its tensors are renamed in both
  names                   of tensors → those published; late: files as published, that the reference does not see
  published_tokenizer     where the reference has another
  dtype, bin, json        of the weights; whether they are PyTorch's; whether there is a tokenizer.json
  shift, offset           added to biases of what predicts tokens; what norms are about
  pooling                 that the caller names
  plain                   tensors and hidden states in plain PyTorch; static: what writes a table; reference: how it is answered
  refused                 what the error says, in place of answers
"""

import json

import torch

import published
from variants import Latents, flash, randomize

OLD, NEW = "sentence_transformers.models.", "sentence_transformers.sentence_transformer.modules."
IDENTITY, TANH = "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Tanh"
H = 16
QUERY = "Represent this sentence for searching relevant passages: "
MODELS = {}


def model(name, kind="embed", config=None, tokenizer=None, files=None, **more):
    assert name not in MODELS, name
    MODELS[name] = dict(kind=kind, config=config, tokenizer=tokenizer, files=files or {}, **more)


# ---------------------------------------------------------------- files of sentence-transformers
def numbers(seed, *shape, scale=0.25):
    """Few different values."""
    return (torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 2).round().clamp(-4, 4) / 2 * scale


def old_pooling(mode, width=H, **more):
    """From 0.2 to 5.3 keys were added."""
    keys = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"][: more.pop("keys", 6)]
    return dict(word_embedding_dimension=width) | {"pooling_mode_" + k: k == mode for k in keys} | more


CLS, MEAN, LAST = old_pooling("cls_token", keys=4), old_pooling("mean_tokens", keys=4), old_pooling("lasttoken", include_prompt=True)
NORMALIZE = ("Normalize", None)


def dense(inputs, outputs, bias=True, activation=TANH, bin=True, name=None):
    return ("Dense", dict(inputs=inputs, outputs=outputs, bias=bias, activation=activation, bin=bin, name=name))


def st(pooling, *more, length=40, lower=False, versions=("2.0.0", "4.7.0", "1.9.0+cu102"), prompts=None, default=None, similarity=None, settings=None):
    """modules.json and what it speaks of."""
    list = [("Transformer", None), ("Pooling", pooling), *more]
    entries, files = [], {}
    for i, (cls, what) in enumerate(list):
        path = "" if i == 0 else f"{i}_{cls}"
        if cls == "Pooling":
            files[path + "/config.json"] = what
        if cls == "Dense":
            path = what["name"] or path
            files[path + "/config.json"] = dict(in_features=what["inputs"], out_features=what["outputs"], bias=what["bias"], activation_function=what["activation"])
            weights = {"linear.weight": numbers(i, what["outputs"], what["inputs"])} | ({"linear.bias": numbers(i + 9, what["outputs"])} if what["bias"] else {})
            files[path + ("/pytorch_model.bin" if what["bin"] else "/model.safetensors")] = weights
        entries.append(dict(idx=i, name=str(i), path=path, type=OLD + cls))
    files["modules.json"] = entries
    files["sentence_bert_config.json"] = {"max_seq_length": length, "do_lower_case": lower} if settings is None else settings
    about = {"__version__": dict(zip(["sentence_transformers", "transformers", "pytorch"], versions))}
    if prompts is not None or versions[0][0] in "345":
        about |= {"prompts": prompts or {}, "default_prompt_name": default}
    if versions[0][0] in "345":
        about["similarity_fn_name"] = similarity
    files["config_sentence_transformers.json"] = about
    return files


# ---------------------------------------------------------------- tokenizers
def tokenizer(golden, cls, edit=None, **settings):
    special = {k: v for k, v in settings.items() if k.endswith("_token") and not k.startswith("add_")}
    files = {"tokenizer_config.json": {"tokenizer_class": cls} | settings, "special_tokens_map.json": special}
    return dict(golden=golden, edit=edit or (lambda j: None)) | files


BERT_TOKENS = dict(unk_token="[UNK]", sep_token="[SEP]", pad_token="[PAD]", cls_token="[CLS]", mask_token="[MASK]")
XLMR_TOKENS = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", sep_token="</s>", pad_token="<pad>", cls_token="<s>", mask_token="<mask>")


def vocabulary(j):
    return "".join(w + "\n" for w, _ in sorted(j["model"]["vocab"].items(), key=lambda x: x[1]))


def pairs(j):
    """The pair of two BERT texts, which goldens lack."""
    j["post_processor"]["pair"] = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
                                   {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]  # fmt: skip


def cut(length, pad="[PAD]"):
    """What training scripts left: truncation and padding, which do not count."""

    def edit(j):
        j["truncation"] = dict(max_length=length, strategy="LongestFirst", stride=0)
        j["padding"] = dict(strategy={"Fixed": length}, direction="Right", pad_to_multiple_of=None, pad_id=0, pad_type_id=0, pad_token=pad)
        pairs(j)

    return edit


def wp(edit=pairs, length=512, lower=True, golden="bert", cls="BertTokenizer", **more):
    def change(j):
        j["normalizer"]["lowercase"] = lower
        edit(j)

    about = dict(do_lower_case=lower, tokenize_chinese_chars=True, strip_accents=None, do_basic_tokenize=True, never_split=None)
    files = {"vocab.txt": vocabulary} if more.pop("vocab", False) else {}
    return tokenizer(golden, cls, change, **BERT_TOKENS, **about, model_max_length=length, **more) | files


def xlmr_pairs(j):
    s, e = ({"SpecialToken": {"id": t, "type_id": 0}} for t in ("<s>", "</s>"))
    j["post_processor"]["pair"] = [s, {"Sequence": {"id": "A", "type_id": 0}}, e, e, {"Sequence": {"id": "B", "type_id": 0}}, e]


def xlmr(cls="XLMRobertaTokenizer", length=512, golden="jina-v3", edit=xlmr_pairs, **more):
    return tokenizer(golden, cls, edit, **XLMR_TOKENS, model_max_length=length, **more)


def roberta_tok(cls="RobertaTokenizer", length=512, **more):
    return tokenizer("roberta", cls, add_prefix_space=False, errors="replace", trim_offsets=True, **XLMR_TOKENS, model_max_length=length, **more)


def mpnet_tok(**more):
    names = dict(bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>", unk_token="[UNK]", pad_token="<pad>", mask_token="<mask>")
    return tokenizer("mpnet", "MPNetTokenizer", do_lower_case=True, tokenize_chinese_chars=True, strip_accents=None, **names, model_max_length=512, **more)


def t5_tok(edit=None, **more):
    def extra(j):
        for i in range(5):
            j["added_tokens"].append(dict(id=len(j["model"]["vocab"]), content=f"<extra_id_{i}>", single_word=False, lstrip=False, rstrip=False, normalized=False, special=True))
            j["model"]["vocab"].append([f"<extra_id_{i}>", 0.0])

    names = [f"<extra_id_{i}>" for i in range(5)]
    return tokenizer("t5", "T5Tokenizer", extra, eos_token="</s>", unk_token="<unk>", pad_token="<pad>", extra_ids=5, additional_special_tokens=names, model_max_length=512, sp_model_kwargs={}, **more)


def qwen_tok(golden="qwen3", edit=None, **more):
    return tokenizer(golden, "Qwen2Tokenizer", edit, add_prefix_space=False, add_bos_token=False, bos_token=None, eos_token="<|endoftext|>", pad_token="<|endoftext|>", unk_token=None,
                     clean_up_tokenization_spaces=False, errors="replace", split_special_tokens=False, model_max_length=131072, **more)  # fmt: skip


def modern_tok(edit=pairs, length=8192, cls="PreTrainedTokenizerFast", **more):
    return tokenizer("modernbert", cls, edit, clean_up_tokenization_spaces=True, model_input_names=["input_ids", "attention_mask"], **BERT_TOKENS, model_max_length=length, **more)


# ---------------------------------------------------------------- configurations
def bert(version="4.8.2", architecture="BertModel", **more):
    return dict(_name_or_path="publisher/base", architectures=[architecture], attention_probs_dropout_prob=0.1, gradient_checkpointing=False, hidden_act="gelu", hidden_dropout_prob=0.1,
                hidden_size=H, initializer_range=0.02, intermediate_size=24, layer_norm_eps=1e-12, max_position_embeddings=64, model_type="bert", num_attention_heads=2, num_hidden_layers=2,
                pad_token_id=0, position_embedding_type="absolute", transformers_version=version, type_vocab_size=2, use_cache=True) | more  # fmt: skip


def roberta(model_type="roberta", version="4.12.3", **more):
    cls = {"roberta": "RobertaModel", "xlm-roberta": "XLMRobertaModel", "camembert": "CamembertModel"}[model_type]
    special = dict(bos_token_id=0, eos_token_id=2, pad_token_id=1)
    return bert(version, cls, model_type=model_type, classifier_dropout=None, layer_norm_eps=1e-5, max_position_embeddings=66, type_vocab_size=1, output_past=True, **special) | more


def distilbert(version="4.5.0", architecture="DistilBertModel", **more):
    return dict(_name_or_path="publisher/base", activation="gelu", architectures=[architecture], attention_dropout=0.1, dim=H, dropout=0.1, hidden_dim=24, initializer_range=0.02,
                max_position_embeddings=64, model_type="distilbert", n_heads=2, n_layers=2, pad_token_id=0, qa_dropout=0.1, seq_classif_dropout=0.2, sinusoidal_pos_embds=False,
                tie_weights_=True, transformers_version=version) | more  # fmt: skip


def mpnet(version="4.8.2", **more):
    return dict(_name_or_path="publisher/base", architectures=["MPNetModel"], attention_probs_dropout_prob=0.1, bos_token_id=0, eos_token_id=2, hidden_act="gelu", hidden_dropout_prob=0.1, hidden_size=H,
                initializer_range=0.02, intermediate_size=24, layer_norm_eps=1e-5, max_position_embeddings=66, model_type="mpnet", num_attention_heads=2, num_hidden_layers=2, pad_token_id=1,
                relative_attention_num_buckets=32, transformers_version=version) | more  # fmt: skip


def t5(**more):
    return dict(_name_or_path="models/base", architectures=["T5EncoderModel"], d_ff=24, d_kv=8, d_model=H, decoder_start_token_id=0, dropout_rate=0.1, eos_token_id=1, feed_forward_proj="relu",
                initializer_factor=1.0, is_encoder_decoder=True, layer_norm_epsilon=1e-6, model_type="t5", n_positions=512, num_decoder_layers=2, num_heads=2, num_layers=2, output_past=True,
                pad_token_id=0, relative_attention_num_buckets=32, transformers_version="4.11.3", use_cache=True,
                task_specific_params={"summarization": {"early_stopping": True, "length_penalty": 2.0, "max_length": 200, "prefix": "summarize: "}}) | more  # fmt: skip


DECODER = dict(attention_dropout=0.0, hidden_act="silu", hidden_size=H, initializer_range=0.02, intermediate_size=24, max_position_embeddings=256, num_attention_heads=2, num_hidden_layers=2,
               num_key_value_heads=1, rms_norm_eps=1e-6, rope_theta=1000000.0, use_cache=True)  # fmt: skip


def qwen3(**more):
    return dict(DECODER, architectures=["Qwen3ForCausalLM"], attention_bias=False, bos_token_id=416, eos_token_id=416, head_dim=12, max_window_layers=28, model_type="qwen3", rope_scaling=None, sliding_window=None,
                tie_word_embeddings=True, torch_dtype="bfloat16", transformers_version="4.51.2", use_sliding_window=False) | more  # fmt: skip


def qwen2(**more):
    return dict(DECODER, architectures=["Qwen2ForCausalLM"], bos_token_id=417, eos_token_id=417, max_window_layers=21, model_type="qwen2", sliding_window=131072, tie_word_embeddings=False,
                torch_dtype="float32", transformers_version="4.41.2", use_sliding_window=False) | more  # fmt: skip


def mistral(**more):
    return dict(DECODER, _name_or_path="mistralai/Mistral-7B-v0.1", architectures=["MistralModel"], bos_token_id=1, eos_token_id=2, model_type="mistral", pad_token_id=2, rms_norm_eps=1e-5, rope_theta=10000.0,
                sliding_window=4096, tie_word_embeddings=False, torch_dtype="float16", transformers_version="4.34.0") | more  # fmt: skip


def modernbert(architecture="ModernBertModel", version="4.48.0", **more):
    return dict(_name_or_path="answerdotai/ModernBERT-base", architectures=[architecture], attention_bias=False, attention_dropout=0.0, bos_token_id=1, classifier_activation="gelu", classifier_bias=False,
                classifier_dropout=0.0, classifier_pooling="mean", cls_token_id=1, decoder_bias=True, deterministic_flash_attn=False, embedding_dropout=0.0, eos_token_id=2, global_attn_every_n_layers=3,
                global_rope_theta=160000.0, gradient_checkpointing=False, hidden_activation="gelu", hidden_size=H, initializer_cutoff_factor=2.0, initializer_range=0.02, intermediate_size=24, layer_norm_eps=1e-5,
                local_attention=8, local_rope_theta=10000.0, max_position_embeddings=256, mlp_bias=False, mlp_dropout=0.0, model_type="modernbert", norm_bias=False, norm_eps=1e-5, num_attention_heads=2,
                num_hidden_layers=4, pad_token_id=3, position_embedding_type="absolute", reference_compile=False, repad_logits_with_grad=False, sep_token_id=2, sparse_pred_ignore_index=-100,
                sparse_prediction=False, torch_dtype="float32", transformers_version=version) | more  # fmt: skip


def gte_native(**more):
    return dict(model_type="gte", hidden_act="gelu", hidden_size=H, intermediate_size=24, layer_norm_eps=1e-12, max_position_embeddings=256, num_attention_heads=2, num_hidden_layers=2, pad_token_id=0,
                type_vocab_size=2, rope_parameters={"rope_type": "default", "rope_theta": 500000.0}) | more  # fmt: skip


def gte_published(cls="NewModel", **more):
    heads = ["ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForMultipleChoice", "ForQuestionAnswering"]
    code = {"AutoConfig": "Alibaba-NLP/new-impl--configuration.NewConfig", "AutoModel": "Alibaba-NLP/new-impl--modeling.NewModel"}
    code |= {"AutoModel" + h: f"Alibaba-NLP/new-impl--modeling.New{h}" for h in heads}
    return dict(architectures=[cls], attention_probs_dropout_prob=0.0, auto_map=code, classifier_dropout=None, hidden_act="gelu", hidden_dropout_prob=0.1, hidden_size=H, initializer_range=0.02,
                intermediate_size=24, layer_norm_eps=1e-12, layer_norm_type="layer_norm", logn_attention_clip1=False, logn_attention_scale=False, max_position_embeddings=256, model_type="new",
                num_attention_heads=2, num_hidden_layers=2, pack_qkv=True, pad_token_id=0, position_embedding_type="rope", rope_scaling=None, rope_theta=500000.0, torch_dtype="float32",
                transformers_version="4.39.1", type_vocab_size=2, unpad_inputs=False, use_memory_efficient_attention=False) | more  # fmt: skip


def nomic_native(**more):
    return dict(model_type="nomic_bert", hidden_act="silu", hidden_size=H, intermediate_size=24, layer_norm_eps=1e-12, max_position_embeddings=256, num_attention_heads=2, num_hidden_layers=2, pad_token_id=0,
                type_vocab_size=2, rope_parameters={"rope_type": "default", "rope_theta": 1000.0}) | more  # fmt: skip


def nomic_published(**more):
    code = {"AutoConfig": "configuration_hf_nomic_bert.NomicBertConfig", "AutoModel": "modeling_hf_nomic_bert.NomicBertModel", "AutoModelForMaskedLM": "modeling_hf_nomic_bert.NomicBertForPreTraining"}
    return dict(_name_or_path="nomic-ai/nomic-bert-2048", activation_function="swiglu", architectures=["NomicBertModel"], attn_pdrop=0.0, auto_map=code, bos_token_id=None, causal=False, dense_seq_output=True,
                embd_pdrop=0.0, eos_token_id=None, fused_bias_fc=True, fused_dropout_add_ln=True, initializer_range=0.02, layer_norm_epsilon=1e-12, max_trained_positions=256, mlp_fc1_bias=False, mlp_fc2_bias=False,
                model_type="nomic_bert", n_embd=H, n_head=2, n_inner=24, n_layer=2, n_positions=256, pad_vocab_size_multiple=16, parallel_block=False, parallel_block_tied_norm=False, prenorm=False,
                qkv_proj_bias=False, reorder_and_upcast_attn=False, resid_pdrop=0.0, rotary_emb_base=1000, rotary_emb_fraction=1.0, rotary_emb_interleaved=False, rotary_emb_scale_base=None,
                rotary_scaling_factor=None, scale_attn_by_inverse_layer_idx=False, scale_attn_weights=True, summary_activation=None, summary_first_dropout=0.0, summary_proj_to_labels=True,
                summary_type="cls_index", summary_use_proj=True, torch_dtype="float32", transformers_version="4.37.2", type_vocab_size=2, use_cache=True, use_flash_attn=True, use_rms_norm=False,
                use_xentropy=True) | more  # fmt: skip


def prefixed(prefix, **more):
    return lambda t: {prefix + k: v for k, v in t.items()} | more


def positions(t):
    """A buffer that old folders have."""
    return t | {"embeddings.position_ids": torch.arange(64).unsqueeze(0)}


ONE = dict(id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0})

# ================================================================ the ten least like one another
model("hkunlp/instructor-large", config=t5(architectures=["T5EncoderModel"], feed_forward_proj="gated-gelu", is_gated_act=True, dense_act_fn="gelu_new", tie_word_embeddings=False, n_positions=512),
      **{"class": "T5EncoderModel"}, bin=True, tokenizer=t5_tok(), files=st(old_pooling("mean_tokens", keys=4), dense(H, 12, False, IDENTITY), NORMALIZE, versions=("2.2.2", "4.20.0.dev0", "1.11.0"), length=40))
JINA_CODE = {"AutoConfig": "configuration_xlm_roberta.XLMRobertaFlashConfig", "AutoModel": "modeling_xlm_roberta.XLMRobertaModel", "AutoModelForSequenceClassification": "modeling_xlm_roberta.XLMRobertaForSequenceClassification"}
RERANKER2 = {k: v for k, v in roberta("xlm-roberta", "4.40.0", classifier_dropout=None, emb_pooler=None, max_position_embeddings=130, torch_dtype="bfloat16", use_cache=False, num_labels=1, **ONE).items() if k != "gradient_checkpointing"}
model("jinaai/jina-reranker-v2-base-multilingual", "rerank", tokenizer=xlmr(length=128), native=RERANKER2 | dict(architectures=["XLMRobertaForSequenceClassification"]), names=flash, dtype=torch.bfloat16,
      config={k: v for k, v in RERANKER2.items() if k != "model_type"} | dict(architectures=["XLMRobertaForSequenceClassification"], auto_map=JINA_CODE, use_flash_attn=True))
model("cross-encoder/nli-deberta-v3-base", "classify",
      tokenizer=tokenizer("deberta-v2", "DebertaV2Tokenizer", pairs, do_lower_case=False, bos_token="[CLS]", eos_token="[SEP]", **BERT_TOKENS, split_by_punct=False, vocab_type="spm", sp_model_kwargs={}, model_max_length=512),
      config=dict(_name_or_path="microsoft/deberta-v3-base", architectures=["DebertaV2ForSequenceClassification"], attention_probs_dropout_prob=0.1, hidden_act="gelu", hidden_dropout_prob=0.1, hidden_size=H,
                  id2label={"0": "contradiction", "1": "entailment", "2": "neutral"}, label2id={"contradiction": 0, "entailment": 1, "neutral": 2}, initializer_range=0.02, intermediate_size=24, layer_norm_eps=1e-7,
                  max_position_embeddings=64, max_relative_positions=-1, model_type="deberta-v2", norm_rel_ebd="layer_norm", num_attention_heads=2, num_hidden_layers=2, pad_token_id=0, pooler_dropout=0,
                  pooler_hidden_act="gelu", pooler_hidden_size=H, pos_att_type=["p2c", "c2p"], position_biased_input=False, position_buckets=32, relative_attention=True, share_att_key=True,
                  transformers_version="4.8.2", type_vocab_size=0), bin=True)
model("naver/splade-cocondenser-ensembledistil", "sparse", config=bert("4.17.0.dev0", "BertForMaskedLM", classifier_dropout=None, torch_dtype="float32"), tokenizer=wp(vocab=True), bin=True, shift=-2,
      native_names=lambda t: t | {"cls.predictions.decoder.weight": t["bert.embeddings.word_embeddings.weight"].clone(), "cls.predictions.decoder.bias": t["cls.predictions.bias"].clone(), "bert.embeddings.position_ids": torch.arange(64).unsqueeze(0)})
model("minishlab/potion-base-8M", tokenizer=wp(edit=lambda j: j.update(post_processor=None), cls="BertTokenizer"), files={
          "config.json": {"model_type": "model2vec", "architectures": ["StaticModel"], "tokenizer_name": "baai/bge-base-en-v1.5", "apply_pca": 256, "apply_zipf": True, "hidden_dim": 256, "seq_length": 1000000, "normalize": True},
          "modules.json": [{"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"}, {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"}]},
      static=lambda f, size, seed: f.put("model.safetensors", {"embeddings": numbers(seed, size, H)}))
model("colbert-ir/colbertv2.0", "multivector", config=bert("4.10.0.dev0", "HF_ColBERT"), **{"class": "BertModel"},
      tokenizer=wp(edit=lambda j: (pairs(j), j["model"]["vocab"].update({"[unused0]": 500, "[unused1]": 501})) and None, length=64),
      native_names=lambda t: prefixed("bert.")(t) | {"linear.weight": numbers(7, 12, H), "bert.embeddings.position_ids": torch.arange(64).unsqueeze(0)},
      files={"artifact.metadata": json.dumps({"query_token_id": "[unused0]", "doc_token_id": "[unused1]", "query_token": "[Q]", "doc_token": "[D]", "ncells": None, "centroid_score_threshold": None, "ndocs": None,
          "index_path": None, "nbits": 1, "kmeans_niters": 20, "resume": False, "similarity": "cosine", "bsize": 32, "accumsteps": 1, "lr": 1e-5, "maxsteps": 400000, "save_every": None, "warmup": 20000, "warmup_bert": None,
          "relu": False, "nway": 64, "use_ib_negatives": True, "reranker": False, "distillation_alpha": 1.0, "ignore_scores": False, "query_maxlen": 32, "attend_to_mask_tokens": False, "interaction": "colbert", "dim": 12,
          "doc_maxlen": 48, "mask_punctuation": True, "checkpoint": "colbert", "triples": "triples.json", "collection": "collection.tsv", "queries": "queries.tsv", "overwrite": False, "root": "experiments", "nranks": 4, "amp": True, "rank": 0, "gpus": 4})})
PYLATE = {"sentence_transformers": "4.0.2", "transformers": "4.48.2", "pytorch": "2.5.1+cu124"}
model("lightonai/GTE-ModernColBERT-v1", "multivector", config=modernbert(version="4.48.2"),
      tokenizer=modern_tok(edit=lambda j: j["added_tokens"].extend(dict(id=422 + i, content=c, single_word=False, lstrip=False, rstrip=False, normalized=True, special=False) for i, c in enumerate(["[Q] ", "[D] "])), length=63),
      files={"modules.json": [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}, {"idx": 1, "name": "1", "path": "1_Dense", "type": "pylate.models.Dense.Dense"}],
             "1_Dense/config.json": {"in_features": H, "out_features": 12, "bias": False, "activation_function": IDENTITY}, "1_Dense/model.safetensors": {"linear.weight": numbers(3, 12, H)},
             "sentence_bert_config.json": {"max_seq_length": 47, "do_lower_case": False},
             "config_sentence_transformers.json": {"__version__": PYLATE, "prompts": {}, "default_prompt_name": None, "similarity_fn_name": "MaxSim", "query_prefix": "[Q] ", "document_prefix": "[D] ", "query_length": 16,
                 "document_length": 48, "attend_to_expansion_tokens": False, "skiplist_words": list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), "do_query_expansion": True}})
model("sentence-transformers/average_word_embeddings_glove.6B.300d", refused="WordEmbeddings", files={
    "modules.json": [dict(idx=0, name="0", path="0_WordEmbeddings", type=OLD + "WordEmbeddings"), dict(idx=1, name="1", path="1_Pooling", type=OLD + "Pooling")],
    "0_WordEmbeddings/wordembedding_config.json": {"tokenizer_class": "sentence_transformers.models.tokenizer.WhitespaceTokenizer.WhitespaceTokenizer", "update_embeddings": False, "max_seq_length": 1000000},
    "1_Pooling/config.json": old_pooling("mean_tokens", 300, keys=4), "config_sentence_transformers.json": {"__version__": {"sentence_transformers": "2.0.0", "transformers": "4.6.1", "pytorch": "1.8.1"}}})


def gemma_answers(j):
    """Whole words that a language model answers with, and Gemma's post-processor."""
    v = j["model"]["vocab"]
    v.update({t: len(v) + i for i, t in enumerate(["ye", "yes", "no", "Ye", "Yes", "No"])})
    j["model"]["merges"] += [["y", "e"], ["ye", "s"], ["n", "o"], ["Y", "e"], ["Ye", "s"], ["N", "o"]]
    a, b = ([{"SpecialToken": {"id": "<bos>", "type_id": i}}, {"Sequence": {"id": "AB"[i], "type_id": i}}] for i in (0, 1))
    j["post_processor"] |= {"single": a, "pair": a + b, "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}}}


model("BAAI/bge-reranker-v2-gemma", "rerank", offset=0, **{"class": "AutoModelForCausalLM"},
      tokenizer=tokenizer("gemma3", "GemmaTokenizer", gemma_answers, add_bos_token=True, add_eos_token=False, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"),
      config=dict(DECODER, architectures=["GemmaForCausalLM"], model_type="gemma", bos_token_id=2, eos_token_id=1, pad_token_id=0, head_dim=8, hidden_act="gelu", hidden_activation=None, attention_bias=False, rope_scaling=None, rope_theta=10000.0, torch_dtype="float32", transformers_version="4.38.1"))


def router(activation="relu"):
    """A Router of opensearch's: queries are weighed by a table, documents by the model."""
    base, query = "sentence_transformers.sparse_encoder.models.", "query_0_SparseStaticEmbedding"
    types = {query: base + "SparseStaticEmbedding.SparseStaticEmbedding", "": base + "MLMTransformer.MLMTransformer", "document_1_SpladePooling": base + "SpladePooling.SpladePooling"}
    return {
        "modules.json": [dict(idx=0, name="0", path="", type="sentence_transformers.models.Router")],
        "router_config.json": dict(types=types, structure={"query": [query], "document": ["", "document_1_SpladePooling"]}, parameters={"default_route": "document", "allow_empty_key": True}),
        "config_sentence_transformers.json": dict(model_type="SparseEncoder", __version__={"sentence_transformers": "5.0.0", "transformers": "4.50.3", "pytorch": "2.6.0+cu124"}, prompts={"query": "", "document": ""}, default_prompt_name=None, similarity_fn_name="dot"),
        "sentence_bert_config.json": {"max_seq_length": 40, "do_lower_case": False},
        "document_1_SpladePooling/config.json": dict(pooling_strategy="max", activation_function=activation, word_embedding_dimension=None),
        query + "/config.json": {"frozen": False},
        query + "/model.safetensors": lambda seed: {"weight": numbers(seed, 500, scale=2).abs()},
    }


def beside(path, t):
    """The tokenizer once more, in a folder of its own."""
    edit = t["edit"]
    return t | {path + "/tokenizer.json": lambda j: json.dumps(j, ensure_ascii=False, separators=(",", ":"))} | {path + "/" + k: v for k, v in t.items() if k.endswith(".json")}


model("opensearch-project/opensearch-neural-sparse-encoding-doc-v3-gte", "sparse", native=gte_native(architectures=["GteForMaskedLM"]), shift=-2, config=gte_published("NewForMaskedLM", torch_dtype="float32"),
      tokenizer=beside("query_0_SparseStaticEmbedding", wp(length=64)), names=lambda t: {("new." + k[4:] if k.startswith("gte.") else k): v for k, v in t.items()}, files=router("log1p_relu"))

# ================================================================ BERT and its like, of sentence-transformers
model("sentence-transformers/all-MiniLM-L6-v2", config=bert(), tokenizer=wp(cut(32), vocab=True), files=st(MEAN, NORMALIZE, versions=("2.0.0", "4.6.1", "1.8.1")), native_names=positions)
model("sentence-transformers/all-MiniLM-L12-v2", config=bert("4.8.2", num_hidden_layers=3), tokenizer=wp(cut(32), vocab=True), files=st(MEAN, NORMALIZE, length=32), native_names=positions)
model("sentence-transformers/multi-qa-MiniLM-L6-cos-v1", config=bert(), tokenizer=wp(cut(40)), files=st(MEAN, NORMALIZE, length=64), native_names=positions)
model("sentence-transformers/paraphrase-MiniLM-L6-v2", config=bert("4.7.0"), tokenizer=wp(cut(40)), files=st(MEAN), native_names=positions)
model("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", config=bert("4.7.0", pad_token_id=0), tokenizer=xlmr("PreTrainedTokenizerFast", do_lower_case=True, tokenize_chinese_chars=True, strip_accents=None), files=st(MEAN), native_names=positions)
model("sentence-transformers/all-mpnet-base-v2", config=mpnet(), tokenizer=mpnet_tok(), files=st(MEAN, NORMALIZE), native_names=lambda t: t | {"embeddings.position_ids": torch.arange(66).unsqueeze(0)})
model("sentence-transformers/multi-qa-mpnet-base-dot-v1", config=mpnet("4.9.1"), tokenizer=mpnet_tok(), files=st(CLS), bin=True)
model("sentence-transformers/paraphrase-multilingual-mpnet-base-v2", config=roberta("xlm-roberta", "4.7.0", gradient_checkpointing=False), tokenizer=xlmr(), files=st(MEAN), native_names=lambda t: t | {"embeddings.position_ids": torch.arange(66).unsqueeze(0)})
model("sentence-transformers/all-distilroberta-v1", config=roberta("roberta", "4.8.2"), tokenizer=roberta_tok(), files=st(MEAN, NORMALIZE))
model("sentence-transformers/msmarco-distilbert-base-tas-b", config=distilbert(), tokenizer=wp(golden="distilbert", cls="DistilBertTokenizer"), files=st(CLS, versions=("1.0.0", "4.2.1", "1.7.1")))
model("sentence-transformers/distiluse-base-multilingual-cased-v2", config=distilbert("4.7.0"), tokenizer=wp(lower=False, golden="distilbert", cls="DistilBertTokenizer"), files=st(MEAN, dense(H, 12)))
model("sentence-transformers/clip-ViT-B-32-multilingual-v1", config=distilbert("4.9.0"), tokenizer=wp(lower=False, golden="distilbert", cls="DistilBertTokenizer"), files=st(MEAN, dense(H, 12, False, IDENTITY)))
model("sentence-transformers/LaBSE", config=bert("4.7.0", directionality="bidi", pooler_fc_size=H, pooler_num_attention_heads=2, pooler_num_fc_layers=3, pooler_size_per_head=8, pooler_type="first_token_transform"),
      tokenizer=wp(lower=False), files=st(CLS, dense(H, H), NORMALIZE), native_names=positions)
T5ST = dict(bin=True, **{"class": "T5EncoderModel"})
model("sentence-transformers/sentence-t5-base", config=t5(), tokenizer=t5_tok(), files=st(MEAN, dense(H, H, False, IDENTITY, name="2_Dense"), NORMALIZE, versions=("2.2.0", "4.11.3", "1.11.0+cu102")), **T5ST)
model("sentence-transformers/gtr-t5-base", config=t5(), tokenizer=t5_tok(), files=st(MEAN, dense(H, H, False, IDENTITY), NORMALIZE, versions=("2.2.0", "4.11.3", "1.11.0+cu102")), dtype=torch.float16, **{"class": "T5EncoderModel"})
model("sentence-transformers/LEALLA-base", config=bert("4.27.0", pad_token_id=0), tokenizer=wp(lower=False), files=st(CLS, dense(H, 12), NORMALIZE))
model("sentence-transformers/paraphrase-albert-small-v2", tokenizer=tokenizer("deberta-v2", "AlbertTokenizerFast", pairs, do_lower_case=True, remove_space=True, keep_accents=False, bos_token="[CLS]", eos_token="[SEP]", **BERT_TOKENS, model_max_length=512),
      config=dict(_name_or_path="old_models/0_Transformer", architectures=["AlbertModel"], attention_probs_dropout_prob=0, bos_token_id=2, classifier_dropout_prob=0.1, down_scale_factor=1, embedding_size=8, eos_token_id=3, gap_size=0, hidden_act="gelu_new",
                  hidden_dropout_prob=0, hidden_size=H, initializer_range=0.02, inner_group_num=1, intermediate_size=24, layer_norm_eps=1e-12, layers_to_keep=[], max_position_embeddings=64, model_type="albert", net_structure_type=0,
                  num_attention_heads=2, num_hidden_groups=1, num_hidden_layers=2, num_memory_blocks=0, pad_token_id=0, position_embedding_type="absolute", transformers_version="4.7.0", type_vocab_size=2), files=st(MEAN))
model("sentence-transformers/allenai-specter", config=bert("4.7.0"), tokenizer=wp(), files=st(CLS, length=64), bin=True)
model("sentence-transformers/static-retrieval-mrl-en-v1", tokenizer=beside("0_StaticEmbedding", wp(edit=lambda j: None)), json=False, static=lambda f, size, seed: None, files={
          "modules.json": [dict(idx=0, name="0", path="0_StaticEmbedding", type=OLD + "StaticEmbedding")],
          "config_sentence_transformers.json": {"__version__": {"sentence_transformers": "3.3.1", "transformers": "4.46.3", "pytorch": "2.5.1"}, "prompts": {}, "default_prompt_name": None, "similarity_fn_name": "cosine"},
          "0_StaticEmbedding/model.safetensors": lambda seed: {"embedding.weight": numbers(seed, 500, H)}})

# ================================================================ embedding models of others that descend from BERT
ST2 = dict(versions=("2.2.2", "4.28.1", "1.13.0+cu117"))
LABEL = dict(id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0}, classifier_dropout=None)
model("BAAI/bge-small-en-v1.5", config=bert("4.30.0", **LABEL, torch_dtype="float32"), tokenizer=wp(clean_up_tokenization_spaces=True), files=st(CLS, NORMALIZE, lower=True, **ST2), native_names=positions)
model("BAAI/bge-large-zh-v1.5", config=bert("4.30.0", **LABEL, bos_token_id=0, directionality="bidi", eos_token_id=2, output_past=True, pooler_type="first_token_transform", torch_dtype="float32"), tokenizer=wp(clean_up_tokenization_spaces=True),
      files=st(CLS, NORMALIZE, lower=True, **ST2), bin=True)
model("BAAI/bge-m3", config=roberta("xlm-roberta", "4.33.0", max_position_embeddings=258, torch_dtype="float32"), tokenizer=xlmr(length=8192, sp_model_kwargs={}), files=st(CLS, NORMALIZE, length=8192, **ST2)
      | {"sparse_linear.pt": lambda seed: {"weight": numbers(seed, 1, H), "bias": numbers(seed, 1)}, "colbert_linear.pt": lambda seed: {"weight": numbers(seed, H, H), "bias": numbers(seed, H)}}, bin=True)
model("intfloat/e5-small-v2", config=bert("4.29.0.dev0", classifier_dropout=None, torch_dtype="float32"), tokenizer=wp(clean_up_tokenization_spaces=True), files=st(MEAN, NORMALIZE, versions=("2.2.2", "4.29.0.dev0", "1.13.0")), native_names=positions)
model("intfloat/multilingual-e5-small", config=bert("4.30.2", classifier_dropout=None, torch_dtype="float32", tokenizer_class="XLMRobertaTokenizer"), tokenizer=xlmr(clean_up_tokenization_spaces=True), files=st(MEAN, NORMALIZE, **ST2), native_names=positions)
model("intfloat/multilingual-e5-large-instruct", config=roberta("xlm-roberta", "4.37.0.dev0", torch_dtype="float16"), tokenizer=xlmr(clean_up_tokenization_spaces=True), dtype=torch.float16,
      files=st(MEAN, NORMALIZE, versions=("2.4.0.dev0", "4.37.0", "2.1.0")))
model("thenlper/gte-small", config=bert("4.28.1", **LABEL, torch_dtype="float16"), tokenizer=wp(), dtype=torch.float16, files=st(MEAN, NORMALIZE, **ST2))
model("mixedbread-ai/mxbai-embed-large-v1", config=bert("4.38.2", **LABEL, torch_dtype="float16", use_cache=False), tokenizer=wp(clean_up_tokenization_spaces=True, stride=0, truncation_side="right", truncation_strategy="longest_first", max_length=512), dtype=torch.float16,
      files=st(old_pooling("cls_token", include_prompt=True), prompts={"query": QUERY, "passage": ""}, versions=("2.5.1", "4.37.0", "2.1.0+cu121")))
model("mixedbread-ai/deepset-mxbai-embed-de-large-v1", config=roberta("xlm-roberta", "4.42.4", torch_dtype="float16"), tokenizer=xlmr("XLMRobertaTokenizer"), dtype=torch.float16,
      files=st(old_pooling("mean_tokens", include_prompt=True), prompts={"query": "query: ", "passage": "passage: "}, versions=("3.0.1", "4.42.4", "2.3.0"), similarity="cosine"))
model("WhereIsAI/UAE-Large-V1", config=bert("4.35.0.dev0", classifier_dropout=None, torch_dtype="float32", use_cache=False), tokenizer=wp(), files=st(old_pooling("cls_token", include_prompt=True), **ST2))
model("Snowflake/snowflake-arctic-embed-m", config=bert("4.36.1", classifier_dropout=None, torch_dtype="float32"), tokenizer=wp(max_length=512, pad_to_multiple_of=None, pad_token_type_id=0, padding_side="right", stride=0),
      files=st(old_pooling("cls_token", include_prompt=True), NORMALIZE, prompts={"query": QUERY}, versions=("2.7.0.dev0", "4.39.3", "2.1.0+cu121")))
model("Snowflake/snowflake-arctic-embed-l-v2.0", config=roberta("xlm-roberta", "4.45.2", max_position_embeddings=258, torch_dtype="float32"), tokenizer=xlmr("XLMRobertaTokenizerFast", length=8192, max_length=512, pad_to_multiple_of=None),
      files=st(old_pooling("cls_token", include_prompt=True), NORMALIZE, prompts={"query": "query: "}, versions=("3.1.1", "4.45.2", "2.5.1+cu121"), similarity="cosine", length=8192))
model("ibm-granite/granite-embedding-125m-english", config=roberta("roberta", "4.46.3", torch_dtype="bfloat16"), tokenizer=roberta_tok(), dtype=torch.bfloat16, files=st(old_pooling("cls_token", include_prompt=True), NORMALIZE, prompts={}, similarity="cosine", versions=("3.3.0", "4.46.3", "2.4.0")))
model("ibm-granite/granite-embedding-107m-multilingual", config=roberta("xlm-roberta", "4.46.3", torch_dtype="bfloat16"), tokenizer=xlmr("XLMRobertaTokenizer"), dtype=torch.bfloat16,
      files=st(old_pooling("cls_token", include_prompt=True), NORMALIZE, prompts={}, similarity="cosine", versions=("3.3.0", "4.46.3", "2.4.0")))
model("facebook/contriever", config=bert("4.8.2", "Contriever", num_hidden_layers=3), tokenizer=wp(vocab=True), bin=True, **{"class": "BertModel"})
model("cambridgeltl/SapBERT-from-PubMedBERT-fulltext", config=bert("4.7.0"), tokenizer=wp(vocab=True), json=False, bin=True, pooling="cls")
model("ncbi/MedCPT-Query-Encoder", config=bert("4.24.0", classifier_dropout=None, torch_dtype="float32"), tokenizer=wp(vocab=True), bin=True, pooling="cls")
model("princeton-nlp/sup-simcse-roberta-large", config=roberta("roberta", "4.6.0.dev0", max_position_embeddings=514), json=False, bin=True,
      tokenizer=roberta_tok() | {"vocab.json": lambda j: json.dumps(j["model"]["vocab"]), "merges.txt": lambda j: "#version: 0.2\n" + "".join((" ".join(m) if isinstance(m, list) else m) + "\n" for m in j["model"]["merges"])})
model("jhgan/ko-sroberta-multitask", config=roberta("roberta", "4.11.0", tokenizer_class="BertTokenizer", max_position_embeddings=66), files=st(MEAN, versions=("2.1.0", "4.13.0", "1.7.0")), bin=True,
      tokenizer=tokenizer("mpnet", "BertTokenizer", lambda j: j["normalizer"].update(lowercase=False), do_lower_case=False, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", unk_token="[UNK]", pad_token="<pad>", mask_token="<mask>", never_split=None, model_max_length=512))
model("BM-K/KoSimCSE-roberta", config=roberta("roberta", "4.11.0", tokenizer_class="BertTokenizer", max_position_embeddings=514), bin=True,
      tokenizer=tokenizer("mpnet", "BertTokenizer", lambda j: j["normalizer"].update(lowercase=False), do_lower_case=False, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", unk_token="[UNK]", pad_token="<pad>", mask_token="<mask>", model_max_length=512))
model("cointegrated/rubert-tiny2", config=bert("4.13.0.dev0", "BertForPreTraining", max_position_embeddings=96, emb_size=H, classifier_dropout=None), **{"class": "BertForPreTraining"}, tokenizer=wp(lower=False, length=2048), files=st(CLS, NORMALIZE, length=96, **ST2))
model("ai-forever/ru-en-RoSBERTa", config=roberta("roberta", "4.40.1", torch_dtype="float32"), tokenizer=roberta_tok("RobertaTokenizer"), files=st(old_pooling("cls_token", include_prompt=True), NORMALIZE, versions=("3.0.1", "4.40.1", "2.3.0"),
      prompts={"classification": "classification: ", "clustering": "clustering: ", "search_query": "search_query: ", "search_document": "search_document: "}, similarity="cosine"))
model("deepvk/USER-bge-m3", config=roberta("xlm-roberta", "4.41.2", max_position_embeddings=258, torch_dtype="float32"), tokenizer=xlmr(length=8192), files=st(old_pooling("cls_token", include_prompt=True), NORMALIZE, length=8192, versions=("3.0.1", "4.41.2", "2.3.1")))
model("dangvantuan/sentence-camembert-base", config=roberta("camembert", "4.11.3", bos_token_id=5, eos_token_id=6), tokenizer=xlmr("CamembertTokenizer", additional_special_tokens=["<s>NOTUSED", "</s>NOTUSED"]), files=st(MEAN, versions=("2.1.0", "4.11.3", "1.9.0+cu111")), bin=True)

# ================================================================ with code of their own
model("nomic-ai/nomic-embed-text-v1.5", native=nomic_native(), config=nomic_published(matryoshka_dimensions=None), tokenizer=wp(length=8192, golden="nomic-bert", clean_up_tokenization_spaces=True),
      files=st(old_pooling("mean_tokens", keys=4), versions=("2.4.0.dev0", "4.37.2", "2.1.0+cu121"), length=8192))
model("Snowflake/snowflake-arctic-embed-m-long", native=nomic_native(), config=nomic_published(max_trained_positions=256, rotary_scaling_factor=None, pad_vocab_size_multiple=16), tokenizer=wp(length=2048, golden="nomic-bert"),
      files=st(old_pooling("cls_token", include_prompt=True), NORMALIZE, prompts={"query": QUERY}, versions=("2.7.0.dev0", "4.39.3", "2.1.0+cu121"), length=2048))
model("Alibaba-NLP/gte-base-en-v1.5", native=gte_native(), config=gte_published(), tokenizer=wp(length=32768, clean_up_tokenization_spaces=True), names=prefixed("new."), files=st(old_pooling("cls_token", include_prompt=True), versions=("2.7.0", "4.41.2", "2.2.0"), length=8192))
model("Alibaba-NLP/gte-multilingual-base", native=gte_native(type_vocab_size=1, pad_token_id=1), config=gte_published("NewModel", architectures=["NewModel", "NewForTokenClassification"], type_vocab_size=1, pad_token_id=1, id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0}, torch_dtype="float16", layer_norm_eps=1e-12),
      tokenizer=xlmr("XLMRobertaTokenizerFast", length=32768), names=prefixed("new.", **{"classifier.weight": numbers(5, 1, H), "classifier.bias": numbers(6, 1)}), dtype=torch.float16,
      files=st(old_pooling("cls_token", include_prompt=True), NORMALIZE, versions=("3.0.1", "4.41.2", "2.3.0"), length=8192))
model("Snowflake/snowflake-arctic-embed-m-v2.0", native=gte_native(type_vocab_size=1, pad_token_id=1),
      config=gte_published("GteModel", model_type="gte", type_vocab_size=1, pad_token_id=1, use_memory_efficient_attention=True, unpad_inputs=True, auto_map={"AutoConfig": "configuration_hf_alibaba_nlp_gte.GteConfig", "AutoModel": "modeling_hf_alibaba_nlp_gte.GteModel"}),
      tokenizer=xlmr("XLMRobertaTokenizerFast", length=32768), files=st(old_pooling("cls_token", include_prompt=True), NORMALIZE, prompts={"query": "query: "}, versions=("3.1.1", "4.45.2", "2.5.1+cu121"), length=8192, similarity="cosine"))
model("NovaSearch/stella_en_400M_v5", native=gte_native(), config=gte_published("NewModel", auto_map={"AutoConfig": "configuration.NewConfig", "AutoModel": "modeling.NewModel"}, unpad_inputs=False), tokenizer=wp(length=512), names=prefixed("new."),
      files=st(old_pooling("mean_tokens", include_prompt=True), dense(H, 12, True, IDENTITY, bin=False, name="2_Dense_1024"), versions=("3.0.0", "4.41.2", "2.3.0"), length=64,
               prompts={"s2p_query": "Instruct: Given a web search query, retrieve relevant passages that answer the query.\nQuery: ", "s2s_query": "Instruct: Retrieve semantically similar text.\nQuery: "})
      | {"2_Dense_256/config.json": dict(in_features=H, out_features=8, bias=True, activation_function=IDENTITY), "2_Dense_256/model.safetensors": {"linear.weight": numbers(1, 8, H), "linear.bias": numbers(2, 8)}})


# ---------------------------------------------------------------- computed in plain PyTorch
def jina(normed):
    def run(config, seed, tensors=None):
        tensors = tensors or published.jina_tensors(config, normed, seed)
        return tensors, published.jina(config, normed, tensors)

    return run


def moe(config, seed, tensors=None):
    tensors = tensors or published.moe_tensors(config, seed)
    return tensors, published.moe(config, tensors)


def jina_config(code, **more):
    auto = {"AutoConfig": "configuration_bert.JinaBertConfig", "AutoModelForMaskedLM": "modeling_bert.JinaBertForMaskedLM", "AutoModel": "modeling_bert.JinaBertModel", "AutoModelForSequenceClassification": "modeling_bert.JinaBertForSequenceClassification"}
    return bert("4.26.0", "JinaBertForMaskedLM", _name_or_path=code, model_max_length=8192, auto_map={k: f"{code}--{v}" for k, v in auto.items()}, attention_probs_dropout_prob=0.0, classifier_dropout=None,
                max_position_embeddings=256, position_embedding_type="alibi", torch_dtype="float16", feed_forward_type="geglu", emb_pooler="mean", attn_implementation=None) | more  # fmt: skip


def jina_head(config, seed, tensors=None):
    """The first token's state through the pooler and the classifier."""
    t = tensors or published.jina_tensors(config, False, seed)
    if not tensors:
        t.linear("classifier", H, 1)
    body = {k.removeprefix("bert."): v for k, v in t.items()}
    run, hidden = published.Run(body, config["layer_norm_eps"]), published.jina(config, False, body)
    return {("" if k.startswith("classifier") else "bert.") + k: v for k, v in body.items()}, lambda ids, types: run.linear("classifier", run.linear("pooler.dense", hidden(ids, types)[0]).tanh())


JINA2 = dict(versions=("2.2.2", "4.31.0", "2.0.1"), length=8192)
model("jinaai/jina-embeddings-v2-base-en", config=jina_config("jinaai/jina-bert-implementation"), tokenizer=wp(length=2147483648), files=st(MEAN, **JINA2), plain=jina(False), dtype=torch.float16)
model("jinaai/jina-embeddings-v2-base-code", config=jina_config("jinaai/jina-bert-v2-qk-post-norm", layer_norm_eps=1e-12), tokenizer=roberta_tok(length=8192), files=st(MEAN, **JINA2), plain=jina(True), dtype=torch.float16)
model("jinaai/jina-reranker-v1-turbo-en", "rerank", config=jina_config("jinaai/jina-bert-implementation", architectures=["JinaBertForSequenceClassification"], num_labels=1, **ONE), tokenizer=roberta_tok(length=256), plain=jina_head)
MOE = dict(activation_function="gelu", qkv_proj_bias=True, mlp_fc1_bias=True, mlp_fc2_bias=True, num_experts=4, moe_top_k=2, moe_every_n_layers=2, moe_normalize_expert_weights=False, expert_choice_router=False, num_shared_experts=0,
           moe_impl="megablocks", moe_resid_pdrop=0.0, ffn_div=1.0, add_pooling_layer=False, expand=False, type_vocab_size=1, rotary_emb_base=10000, layer_norm_epsilon=1e-5, max_trained_positions=256, n_positions=256, pad_token_id=1, tokenizer_class="XLMRobertaTokenizer")
MOE["auto_map"] = {"AutoConfig": "nomic-ai/nomic-bert-2048--configuration_hf_nomic_bert.NomicBertConfig", "AutoModel": "nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel", "AutoModelForMaskedLM": "nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertForPreTraining"}
model("nomic-ai/nomic-embed-text-v2-moe", config=nomic_published(**MOE), tokenizer=xlmr("XLMRobertaTokenizer"), plain=moe,
      files=st(old_pooling("mean_tokens", include_prompt=True), NORMALIZE, versions=("3.3.0", "4.44.2", "2.4.1"), similarity="cosine", prompts={"query": "search_query: ", "passage": "search_document: ", "Classification": "classification: ", "MultilabelClassification": "classification: "}))

# ================================================================ ModernBERT
model("Alibaba-NLP/gte-modernbert-base", config=modernbert(torch_dtype="float16"), tokenizer=modern_tok(), dtype=torch.float16, files=st(old_pooling("cls_token", include_prompt=True), versions=("3.3.1", "4.48.0", "2.5.1"), similarity="cosine", prompts={}, length=8192))
model("nomic-ai/modernbert-embed-base", config=modernbert(version="4.48.0.dev0"), tokenizer=modern_tok(), files=st(old_pooling("mean_tokens", include_prompt=True), NORMALIZE, versions=("3.3.0", "4.48.0.dev0", "2.4.0"), similarity="cosine", prompts={"query": "search_query: ", "document": "search_document: "}, length=8192))
model("ibm-granite/granite-embedding-english-r2", config=modernbert(version="4.49.0", torch_dtype="bfloat16", layer_types=["full_attention", "sliding_attention", "sliding_attention", "full_attention"], global_attn_every_n_layers=3), tokenizer=modern_tok(), dtype=torch.bfloat16,
      files=st(old_pooling("cls_token", include_prompt=True), versions=("4.1.0", "4.52.4", "2.7.0"), similarity="cosine", prompts={"query": "", "document": ""}, length=8192))
CE = {"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid", "version": "4.0.1"}}
model("Alibaba-NLP/gte-reranker-modernbert-base", "rerank", config=modernbert("ModernBertForSequenceClassification", torch_dtype="float16", **ONE), tokenizer=modern_tok(), dtype=torch.float16)
model("ibm-granite/granite-embedding-reranker-english-r2", "rerank", config=modernbert("ModernBertForSequenceClassification", torch_dtype="bfloat16", classifier_pooling="cls", **ONE) | CE, tokenizer=modern_tok(), dtype=torch.bfloat16)
model("mixedbread-ai/mxbai-edge-colbert-v0-17m", "multivector", config=modernbert(version="4.48.2", pad_token_id=3),
      tokenizer=modern_tok(edit=lambda j: j["added_tokens"].extend(dict(id=422 + i, content=c, single_word=False, lstrip=False, rstrip=False, normalized=True, special=False) for i, c in enumerate(["[Q] ", "[D] "])), length=63),
      files={"modules.json": [dict(idx=0, name="0", path="", type=OLD + "Transformer")] + [dict(idx=i, name=str(i), path=f"{i}_Dense", type="pylate.models.Dense.Dense") for i in (1, 2)],
             "1_Dense/config.json": dict(in_features=H, out_features=32, bias=False, activation_function=IDENTITY, use_residual=True), "1_Dense/model.safetensors": {"linear.weight": numbers(3, 32, H), "residual.weight": numbers(4, 32, H)},
             "2_Dense/config.json": dict(in_features=32, out_features=12, bias=False, activation_function=IDENTITY, use_residual=False), "2_Dense/model.safetensors": {"linear.weight": numbers(5, 12, 32)},
             "sentence_bert_config.json": {"max_seq_length": 47, "do_lower_case": True},
             "config_sentence_transformers.json": {"__version__": PYLATE, "prompts": {}, "default_prompt_name": None, "similarity_fn_name": "MaxSim", "query_prefix": "[Q] ", "document_prefix": "[D] ", "query_length": 16,
                 "document_length": 48, "attend_to_expansion_tokens": False, "skiplist_words": list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), "do_query_expansion": True}})

# ================================================================ decoders
model("Qwen/Qwen3-Embedding-0.6B", config=qwen3(), tokenizer=qwen_tok(), dtype=torch.bfloat16, native_names=lambda t: {k.removeprefix("model."): v for k, v in t.items() if not k.startswith("lm_head")},
      files=st(LAST, NORMALIZE, versions=("5.0.0", "4.51.3", "2.7.1"), similarity="cosine", prompts={"query": "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:", "document": ""}, settings={"max_seq_length": 64, "do_lower_case": False}))
QWEN_CODE = {"AutoModel": "modeling_qwen.Qwen2Model", "AutoModelForCausalLM": "modeling_qwen.Qwen2ForCausalLM", "AutoModelForSequenceClassification": "modeling_qwen.Qwen2ForSequenceClassification"}
QWEN_TOKENIZER = dict(auto_map={"AutoTokenizer": ["tokenization_qwen.Qwen2Tokenizer", "tokenization_qwen.Qwen2TokenizerFast"]}, add_eos_token=True)
unended = lambda j: j.update(post_processor=dict(type="ByteLevel", add_prefix_space=False, trim_offsets=False, use_regex=False))
BARE = lambda t: {k.removeprefix("model."): v for k, v in t.items() if not k.startswith("lm_head")}
model("Alibaba-NLP/gte-Qwen2-1.5B-instruct", native=qwen2(is_causal=False, architectures=["Qwen2Model"]), config=qwen2(auto_map=QWEN_CODE, is_causal=False), tokenizer=qwen_tok("qwen2"), published_tokenizer=qwen_tok("qwen2", unended, **QWEN_TOKENIZER),
      files=st(LAST, NORMALIZE, versions=("2.7.0.dev0", "4.41.2", "2.1.2"), prompts={"query": "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "}, length=64))
model("NovaSearch/stella_en_1.5B_v5", native=qwen2(is_causal=False, architectures=["Qwen2Model"]), config=qwen2(auto_map=QWEN_CODE, tie_word_embeddings=False), tokenizer=qwen_tok("qwen2"), published_tokenizer=qwen_tok("qwen2", unended, **QWEN_TOKENIZER),
      files=st(old_pooling("mean_tokens", include_prompt=True), dense(H, 12, True, IDENTITY, bin=False, name="2_Dense_1024"), versions=("3.0.0", "4.42.3", "2.3.0"), length=64,
               prompts={"s2p_query": "Instruct: Given a web search query, retrieve relevant passages that answer the query.\nQuery: ", "s2s_query": "Instruct: Retrieve semantically similar text.\nQuery: "}))
LLAMA_TOKENS = dict(bos_token="<s>", eos_token="</s>", pad_token="</s>", unk_token="<unk>", additional_special_tokens=[], clean_up_tokenization_spaces=False, legacy=True, sp_model_kwargs={}, use_default_system_prompt=False, add_bos_token=True)
M7 = dict(versions=("2.7.0", "4.37.2", "2.1.2"), length=64)
model("intfloat/e5-mistral-7b-instruct", config=mistral(), dtype=torch.float16, tokenizer=tokenizer("mistral", "LlamaTokenizer", add_eos_token=True, model_max_length=1000000000000000019884624838656, **LLAMA_TOKENS),
      files=st(LAST, NORMALIZE, versions=("2.4.0.dev0", "4.37.0", "2.1.0"), length=64, prompts={"web_search_query": "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ", "sts_query": "Instruct: Retrieve semantically similar text.\nQuery: "}))
model("Salesforce/SFR-Embedding-Mistral", config=mistral(_name_or_path="intfloat/e5-mistral-7b-instruct"), dtype=torch.float16, tokenizer=tokenizer("mistral", "LlamaTokenizer", add_eos_token=True, padding_side="right", model_max_length=32768, **LLAMA_TOKENS), files=st(LAST, NORMALIZE, **M7))
model("Linq-AI-Research/Linq-Embed-Mistral", config=mistral(torch_dtype="bfloat16"), dtype=torch.bfloat16, tokenizer=tokenizer("mistral", "LlamaTokenizer", add_eos_token=True, padding_side="left", model_max_length=32768, **LLAMA_TOKENS), files=st(LAST, NORMALIZE, **M7))
model("BAAI/bge-en-icl", config=mistral(sliding_window=None, torch_dtype="float32", transformers_version="4.41.0"), tokenizer=tokenizer("mistral", "LlamaTokenizer", add_eos_token=True, model_max_length=32768, padding_side="left", **LLAMA_TOKENS), files=st(LAST, NORMALIZE, versions=("3.0.1", "4.41.0", "2.2.1"), length=64))
LLAMA = dict(DECODER, attention_bias=False, bos_token_id=1, eos_token_id=2, mlp_bias=False, pretraining_tp=1, rope_scaling=dict(factor=8.0, high_freq_factor=4.0, low_freq_factor=1.0, original_max_position_embeddings=64, rope_type="llama3"), rope_theta=500000.0, tie_word_embeddings=False, torch_dtype="bfloat16")
model("nvidia/llama-embed-nemotron-8b", native=LLAMA | dict(model_type="llama", is_causal=False, architectures=["LlamaModel"]), dtype=torch.bfloat16,
      config=LLAMA | dict(model_type="llama_bidirec", architectures=["LlamaBidirectionalModel"], pooling="avg", temperature=0.02, transformers_version="4.51.0", auto_map={"AutoConfig": "llama_bidirectional_model.LlamaBidirectionalConfig", "AutoModel": "llama_bidirectional_model.LlamaBidirectionalModel"}),
      tokenizer=tokenizer("eurobert", "PreTrainedTokenizerFast", bos_token="<|begin_of_text|>", eos_token="<|endoftext|>", pad_token="<|endoftext|>", padding_side="left", clean_up_tokenization_spaces=True, model_input_names=["input_ids", "attention_mask"], model_max_length=131072),
      files=st(old_pooling("mean_tokens", include_prompt=True), NORMALIZE, versions=("5.1.0", "4.51.0", "2.7.0"), similarity="cosine", prompts={"query": "Instruct: Given a question, retrieve passages that answer the question\nQuery: "}, length=64))
GEMMA_TOKENS = dict(add_bos_token=True, add_eos_token=True, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>", clean_up_tokenization_spaces=False, model_max_length=2048, spaces_between_special_tokens=False, use_default_system_prompt=False)
model("google/embeddinggemma-300m", offset=0, tokenizer=tokenizer("gemma3", "GemmaTokenizer", **GEMMA_TOKENS),
      config=dict(DECODER, _sliding_window_pattern=6, architectures=["Gemma3TextModel"], attention_bias=False, attn_logit_softcapping=None, bos_token_id=2, dtype="float32", eos_token_id=1, final_logit_softcapping=None, head_dim=8, hidden_activation="gelu_pytorch_tanh",
                  layer_types=["sliding_attention", "full_attention"], model_type="gemma3_text", pad_token_id=0, query_pre_attn_scalar=8, rope_local_base_freq=10000.0, rope_scaling=None, sliding_window=12, transformers_version="4.57.0.dev0", use_bidirectional_attention=True),
      files=st(old_pooling("mean_tokens", include_prompt=True), dense(H, 32, False, IDENTITY, bin=False), dense(32, H, False, IDENTITY, bin=False), NORMALIZE, versions=("5.1.0", "4.57.0.dev0", "2.8.0+cu128"), similarity="cosine", length=64,
               prompts={"query": "task: search result | query: ", "document": "title: none | text: ", "BitextMining": "task: search result | query: ", "Clustering": "task: clustering | query: ", "Classification": "task: classification | query: "}))
def nvembed(config, seed, tensors=None):
    """Mistral of transformers and what variants.py has behind it."""
    import transformers

    config["text_config"] = text = config["text_config"] | {"vocab_size": config["vocab_size"]}
    latent = config["latent_attention_config"]
    mistral = transformers.MistralModel._from_config(transformers.MistralConfig(**text | dict(model_type="mistral", is_causal=False, sliding_window=None)), attn_implementation="eager")
    parts = {"embedding_model.": randomize(mistral.float().eval(), seed), "latent_attention_model.": randomize(Latents(H, latent["num_latents_value"], latent["num_cross_heads"], latent["cross_dim_head"]).eval(), seed + 1)}
    for prefix, part in parts.items():
        if tensors:
            part.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    own = {prefix + k: v for prefix, part in parts.items() for k, v in part.state_dict().items()}

    def hidden(ids):
        with torch.no_grad():
            return parts["latent_attention_model."](mistral(input_ids=ids[None], attention_mask=torch.ones_like(ids)[None]).last_hidden_state[0])

    return own, hidden


model("nvidia/NV-Embed-v2", plain=nvembed, tokenizer=tokenizer("llama", "LlamaTokenizer", add_eos_token=False, **LLAMA_TOKENS), files=st(old_pooling("mean_tokens", include_prompt=False), NORMALIZE, length=120, versions=("2.7.0", "4.37.2", "2.2.0")),
      config=dict(architectures=["NVEmbedModel"], model_type="nvembed", hidden_size=H, add_eos=True, add_pad_token=True, is_mask_instruction=True, mask_type="b", padding_side="right", torch_dtype="float16", transformers_version="4.37.2",
                  auto_map={"AutoConfig": "configuration_nvembed.NVEmbedConfig", "AutoModel": "modeling_nvembed.NVEmbedModel"}, text_config=dict(DECODER, architectures=["MistralModel"], model_type="bidir_mistral", rope_theta=10000.0, sliding_window=8, bos_token_id=1, eos_token_id=2),
                  latent_attention_config=dict(model_type="latent_attention", hidden_dim=H, latent_dim=H, num_latents_value=24, num_cross_heads=2, cross_dim_head=20)))
model("BAAI/bge-multilingual-gemma2", offset=0, tokenizer=tokenizer("gemma3", "GemmaTokenizer", **GEMMA_TOKENS), dtype=torch.bfloat16,
      config=dict(DECODER, architectures=["Gemma2Model"], attention_bias=False, attn_logit_softcapping=5.0, bos_token_id=2, cache_implementation="hybrid", eos_token_id=1, final_logit_softcapping=30.0, head_dim=8, hidden_activation="gelu_pytorch_tanh", model_type="gemma2", pad_token_id=0,
                  query_pre_attn_scalar=8, rope_theta=10000.0, sliding_window=8, torch_dtype="float32", transformers_version="4.42.3"),
      files=st(LAST, NORMALIZE, versions=("3.0.1", "4.42.3", "2.3.1"), length=64, prompts={"web_search_query": "<instruct>Given a web search query, retrieve passages.\n<query>", "sts_query": "<instruct>Retrieve.\n<query>"}))
SIZES = dict(hidden_size=H, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64)
YARN = dict(rope_type="yarn", rope_theta=1e6, factor=16.0, original_max_position_embeddings=16, beta_fast=32.0, beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.1)


def new(pooling, width=H, normalize="sentence_transformers.base.modules.normalize.Normalize", prompts=None, **more):
    """As sentence-transformers 5.4 and later write it."""
    return {
        "modules.json": [dict(idx=0, name="0", path="", type="sentence_transformers.base.modules.transformer.Transformer"), dict(idx=1, name="1", path="1_Pooling", type=NEW + "pooling.Pooling"), dict(idx=2, name="2", path="2_Normalize", type=normalize)],
        "1_Pooling/config.json": {"embedding_dimension": width, "pooling_mode": pooling, "include_prompt": True},
        "sentence_bert_config.json": {"transformer_task": "feature-extraction", "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}, "module_output_name": "token_embeddings"},
        "config_sentence_transformers.json": {"__version__": {"sentence_transformers": "6.2.0"}, "model_type": "SentenceTransformer", "prompts": prompts or {}, "default_prompt_name": None, "similarity_fn_name": "cosine"},
    } | more  # fmt: skip


NEW_TOKENS = dict(backend="tokenizers", model_max_length=64)
model("nvidia/Nemotron-3-Embed", config=dict(model_type="ministral3", architectures=["Ministral3Model"], head_dim=8, is_causal=False, hidden_act="silu", rms_norm_eps=1e-5, rope_parameters=YARN, sliding_window=None, transformers_version="5.23.0", dtype="bfloat16", **SIZES),
      tokenizer=tokenizer("mistral", "TokenizersBackend", bos_token="<s>", eos_token="</s>", pad_token="</s>", unk_token="<unk>", **NEW_TOKENS), dtype=torch.bfloat16, files=new("mean", prompts={"query": "query: ", "document": "passage: "}))
GEMMA2 = dict(model_type="embedding_gemma2_text", head_dim=6, global_head_dim=8, num_global_key_value_heads=1, sliding_window=6, sliding_window_pattern=3, hidden_size_per_layer_input=10, embedding_dim=28, hidden_activation="gelu_pytorch_tanh", **SIZES)
# The whole of it wants processors of images and sounds: the reference reads the text model alone.
model("google/embeddinggemma-2", native=GEMMA2, config=dict(model_type="embedding_gemma2", architectures=["EmbeddingGemma2Model"], vision_config={"model_type": "gemma4_vision"}, audio_config={"model_type": "gemma4_audio"}, text_config=GEMMA2 | {"vocab_size": 816}, transformers_version="5.23.0"),
      names=prefixed("language_model.", **{k: torch.ones(2, 3) for k in ["vision_tower.patch_embedder.weight", "audio_tower.output_proj.weight", "embed_vision.embedding_projection.weight"]}), dtype=torch.bfloat16,
      tokenizer=tokenizer("gemma3", "TokenizersBackend", bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>", **NEW_TOKENS), files=new("mean", 28, prompts={"query": "task: search result | query: ", "document": "title: none | text: "}))

# ================================================================ rerankers and classifiers
model("cross-encoder/ms-marco-MiniLM-L6-v2", "rerank", config=bert("4.4.0", "BertForSequenceClassification", **ONE, sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.1.0.dev0"}), tokenizer=wp(vocab=True))
model("cross-encoder/ms-marco-TinyBERT-L2-v2", "rerank", config=bert("4.4.0", "BertForSequenceClassification", **ONE, cell={}, emb_size=H, pre_trained="", structure=[], training="", sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.1.0.dev0"}), tokenizer=wp(vocab=True), bin=True)
model("cross-encoder/ms-marco-electra-base", "rerank", tokenizer=wp(golden="electra", cls="ElectraTokenizer"),
      config=bert("4.1.1", "ElectraForSequenceClassification", model_type="electra", embedding_size=H, summary_activation="gelu", summary_last_dropout=0.1, summary_type="first", summary_use_proj=True, **ONE, sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.0.1"}))
model("cross-encoder/stsb-roberta-base", "rerank", config=roberta("roberta", "4.5.0", max_position_embeddings=514, architectures=["RobertaForSequenceClassification"], **ONE, sentence_transformers={"activation_fn": "torch.nn.modules.activation.Sigmoid", "version": "4.0.1"}), tokenizer=roberta_tok(), bin=True)
model("cross-encoder/quora-distilroberta-base", "rerank", config=roberta("roberta", "4.4.0", max_position_embeddings=514, architectures=["RobertaForSequenceClassification"], **ONE), tokenizer=roberta_tok())
model("BAAI/bge-reranker-base", "rerank", config=roberta("xlm-roberta", "4.30.0", max_position_embeddings=514, architectures=["XLMRobertaForSequenceClassification"], **ONE, torch_dtype="float32"), tokenizer=xlmr(sp_model_kwargs={}))
model("BAAI/bge-reranker-v2-m3", "rerank", config=roberta("xlm-roberta", "4.38.1", architectures=["XLMRobertaForSequenceClassification"], **ONE, torch_dtype="float32", max_position_embeddings=258), tokenizer=xlmr(length=8192, sp_model_kwargs={}))
model("mixedbread-ai/mxbai-rerank-base-v1", "rerank", tokenizer=MODELS["cross-encoder/nli-deberta-v3-base"]["tokenizer"], dtype=torch.float16,
      config={k: v for k, v in MODELS["cross-encoder/nli-deberta-v3-base"]["config"].items() if "label2id" not in k and "id2label" not in k} | ONE | dict(torch_dtype="float16", transformers_version="4.38.1", legacy=True))
model("Alibaba-NLP/gte-multilingual-reranker-base", "rerank", native=gte_native(type_vocab_size=1, pad_token_id=1, architectures=["GteForSequenceClassification"], **ONE), config=gte_published("NewForSequenceClassification", type_vocab_size=1, pad_token_id=1, **ONE, torch_dtype="float16"), tokenizer=xlmr("XLMRobertaTokenizerFast", length=8192), dtype=torch.float16)
CHAT = ('<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n<Instruct>: '
        '{{ messages | selectattr("role", "eq", "system") | map(attribute="content") | first | default("Given a web search query, retrieve relevant passages that answer the query") }}\n'
        '<Query>: {{ messages | selectattr("role", "eq", "query") | map(attribute="content") | first }}\n<Document>: {{ messages | selectattr("role", "eq", "document") | map(attribute="content") | first }}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n')
STRUCTURED = ('<|endoftext|><|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nquery: {{ (messages | selectattr("role", "eq", "query") | first).content[0].text }}\n'
              'document: {{ (messages | selectattr("role", "eq", "document") | first).content[0].text }}\nYou are a search relevance expert who evaluates how well documents match search queries.<|im_end|>\n<|im_start|>assistant\n')


def logit_score(template, yes, no, format, prompts, activation):
    causal = lambda more: {"method": "forward", "method_output_name": "logits"} | more
    return {
        "chat_template.jinja": template, "1_LogitScore/config.json": {"true_token_id": yes, "false_token_id": no, "module_input_name": "causal_logits"},
        "modules.json": [dict(idx=0, name="0", path="", type="sentence_transformers.base.modules.transformer.Transformer"), dict(idx=1, name="1", path="1_LogitScore", type="sentence_transformers.cross_encoder.modules.logit_score.LogitScore")],
        "sentence_bert_config.json": {"transformer_task": "text-generation", "modality_config": {"text": causal({}), "message": causal({"format": format})}, "module_output_name": "causal_logits"},
        "config_sentence_transformers.json": {"__version__": {"sentence_transformers": "5.4.0", "transformers": "4.57.6", "pytorch": "2.10.0"}, "activation_fn": activation, "default_prompt_name": "query" if prompts else None, "model_type": "CrossEncoder", "prompts": prompts},
    }  # fmt: skip


model("Qwen/Qwen3-Reranker-0.6B", "rerank", config=qwen3(max_position_embeddings=2048), tokenizer=qwen_tok(edit=unended), dtype=torch.bfloat16, **{"class": "AutoModelForCausalLM"},
      files=logit_score(CHAT, 301, 305, "flat", {"query": "Given a web search query, retrieve relevant passages that answer the query"}, "torch.nn.modules.linear.Identity"))
model("mixedbread-ai/mxbai-rerank-base-v2", "rerank", config=qwen2(max_position_embeddings=2048, torch_dtype="float16", tie_word_embeddings=True), tokenizer=qwen_tok("qwen2", unended), dtype=torch.float16, **{"class": "AutoModelForCausalLM"},
      files=logit_score(STRUCTURED, 21, 20, "structured", {}, "torch.nn.modules.linear.Identity"))

# ================================================================ sparse and multi-vector models, tables
SPLADE = {"modules.json": [dict(idx=0, name="0", path="", type="sentence_transformers.sparse_encoder.models.MLMTransformer"), dict(idx=1, name="1", path="1_SpladePooling", type="sentence_transformers.sparse_encoder.models.SpladePooling")],
          "sentence_bert_config.json": {"max_seq_length": 40, "do_lower_case": False}, "1_SpladePooling/config.json": {"pooling_strategy": "max", "activation_function": "relu", "word_embedding_dimension": None},
          "config_sentence_transformers.json": {"model_type": "SparseEncoder", "__version__": {"sentence_transformers": "5.0.0", "transformers": "4.50.3", "pytorch": "2.6.0+cu124"}, "prompts": {"query": "", "document": ""}, "default_prompt_name": None, "similarity_fn_name": "dot"}}
MODELS["naver/splade-cocondenser-ensembledistil"]["files"] = SPLADE
model("naver/splade-v3", "sparse", config=bert("4.33.0", "BertForMaskedLM", classifier_dropout=None, torch_dtype="float32"), tokenizer=wp(), shift=-2, files=SPLADE)
model("prithivida/Splade_PP_en_v1", "sparse", config=bert("4.35.2", "BertForMaskedLM", classifier_dropout=None, torch_dtype="float32"), tokenizer=wp(vocab=True), shift=-2, files=SPLADE)
model("opensearch-project/opensearch-neural-sparse-encoding-v2-distill", "sparse", config=distilbert("4.44.2", "DistilBertForMaskedLM", torch_dtype="float32"), tokenizer=wp(golden="distilbert", cls="DistilBertTokenizer"), shift=-2, files=SPLADE)
model("opensearch-project/opensearch-neural-sparse-encoding-doc-v2-distill", "sparse", config=distilbert("4.31.0", "DistilBertForMaskedLM", torch_dtype="float32"), tokenizer=beside("query_0_SparseStaticEmbedding", wp(golden="distilbert", cls="DistilBertTokenizer")), shift=-2, files=router())
model("answerdotai/answerai-colbert-small-v1", "multivector", config=bert("4.40.1", "HF_ColBERT", classifier_dropout=None, torch_dtype="float32"), **{"class": "BertModel"}, tokenizer=MODELS["colbert-ir/colbertv2.0"]["tokenizer"],
      native_names=MODELS["colbert-ir/colbertv2.0"]["native_names"], files=MODELS["colbert-ir/colbertv2.0"]["files"] | {"modules.json": None})
COLBERT = MODELS["colbert-ir/colbertv2.0"]
model("mixedbread-ai/mxbai-colbert-large-v1", "multivector", config=bert("4.38.2", "HF_ColBERT", classifier_dropout=None, torch_dtype="float16", use_cache=False), **{"class": "BertModel"}, tokenizer=COLBERT["tokenizer"], dtype=torch.float16,
      # Without modules.json, which has the transformer alone: sentence-transformers then leaves the last layer out, PyLate does not.
      native_names=COLBERT["native_names"], files=COLBERT["files"], late={"modules.json": [dict(idx=0, name="0", path="", type=OLD + "Transformer")]})
model("minishlab/potion-retrieval-32M", tokenizer=MODELS["minishlab/potion-base-8M"]["tokenizer"], static=MODELS["minishlab/potion-base-8M"]["static"], files=MODELS["minishlab/potion-base-8M"]["files"])
model("minishlab/M2V_base_output", tokenizer=wp(), files={"config.json": {"tokenizer_name": "baai/bge-base-en-v1.5", "apply_pca": 256, "apply_zipf": True, "hidden_dim": 256, "seq_length": 1000000, "normalize": False}}, static=MODELS["minishlab/potion-base-8M"]["static"], reference="table")

# ================================================================ refused, and the last ones
model("NovaSearch/jasper_en_vision_language_v1", tokenizer=qwen_tok(), refused="jasper_vl", files=st(old_pooling("mean_tokens"), versions=("3.1.1", "4.46.3", "2.5.1")), config=qwen2(model_type="jasper_vl", architectures=["JasperVL"], auto_map={"AutoConfig": "configuration_jasper_vl.JasperVLConfig", "AutoModel": "modeling_jasper_vl.JasperVL"}))
model("jxm/cde-small-v1", tokenizer=wp(), refused="auto_map", config=nomic_published(architectures=["ContextualDocumentEmbeddingTransformer"], model_type="nomic_bert", auto_map={"AutoConfig": "model.ContextualModelConfig", "AutoModel": "model.ContextualDocumentEmbeddingTransformer"}))
COLBERT2 = roberta("xlm-roberta", "4.41.0", architectures=["HF_ColBERT"], max_position_embeddings=128, torch_dtype="float32")
model("jinaai/jina-colbert-v2", "multivector", native={k: v for k, v in COLBERT2.items() if k not in ("position_embedding_type",)} | dict(model_type="jina_embeddings_v3", rope_parameters={"rope_type": "default", "rope_theta": 20000.0}), **{"class": "AutoModel"},
      tokenizer=xlmr(length=128, edit=lambda j: j["added_tokens"].extend(dict(id=500 + i, content=c, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) for i, c in enumerate(["[QueryMarker]", "[DocumentMarker]"]))),
      config=COLBERT2 | dict(position_embedding_type="rotary", rotary_emb_base=20000.0, use_flash_attn=True, auto_map={k: "jinaai/xlm-roberta-flash-implementation--" + v for k, v in JINA_CODE.items()}),
      native_names=lambda t: prefixed("roberta.")(t) | {"linear.weight": numbers(7, 12, H)},
      files={"artifact.metadata": MODELS["colbert-ir/colbertv2.0"]["files"]["artifact.metadata"].replace("[unused0]", "[QueryMarker]").replace("[unused1]", "[DocumentMarker]").replace('"[Q]"', '"[QueryMarker]"').replace('"[D]"', '"[DocumentMarker]"')})
model("BAAI/bge-reranker-v2-minicpm-layerwise", "rerank", refused="minicpm", tokenizer=tokenizer("llama", "LlamaTokenizer", **LLAMA_TOKENS), config=dict(DECODER, architectures=["LayerWiseMiniCPMForCausalLM"], model_type="minicpm", start_layer=8, scale_emb=12, auto_map={"AutoModel": "modeling_minicpm_reranker.LayerWiseMiniCPMModel"}))
model("sentence-transformers/nli-mpnet-base-v2", config=mpnet(), tokenizer=mpnet_tok(), files=st(MEAN))
