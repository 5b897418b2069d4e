# -*- coding: utf-8 -*-
"""Makes tiny random-weight rerankers, classifiers, sparse, multi-vector and embedding models, and what they should answer.

usage: heads.py --seed N --out DIR [--only name,name]

DIR/<name>/model is the folder, cases.json the inputs (and `kind`: what the folder is), golden.safetensors the answers (float32).
Ragged answers lie flat: rows starts[i]..starts[i+1] belong to input i; sparse ones as <x>_indices, <x>_values, <x>_starts.
  rerank-*, logit-*  queries × documents: scores (the folder's own activation), logits (none), prompted (scores with custom_prompt),
                     prompt_<name> (prompt_name); cases: ids, token_type_ids of every pair, [query][document], with the default prompt if any
  classify-*         texts_logits, texts_probabilities, pairs_logits, pairs_probabilities, columns in id2label's order
  sparse-*           query, document, plain (encode), max_active (of plain, cases' max_active); bge-m3: dense, sparse, multi (see code)
  mv-*               query, document (flat, with starts), maxsim [queries, documents]; cases: ids and which of them are scored
  tokens-*           vectors (flat, with starts) of texts, prompt_vectors; cases: ids, offsets in characters and in UTF-8 bytes;
                     late (flat): for late_texts and their spans (bytes), see late() below
  kinds/             folders without answers, and kinds.json: folder → kinds
Made by sentence-transformers and transformers on a CPU, one input at a time (no padding), from folders as written. Own work of this project.
"""
import pathlib
_src = (pathlib.Path(__file__).resolve().parent / "generate.py").read_text(encoding="utf-8")
exec(compile(_src[:_src.rindex("\nmain()")], "generate.py", "exec"))   # tokenizers, texts, randomize, legacy_config
import inspect, re, string, tempfile, warnings
import transformers as T
from torch import nn
from sentence_transformers import CrossEncoder, SparseEncoder
from sentence_transformers.multi_vector_encoder import MultiVectorEncoder
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask, HierarchicalTokenPooling
from sentence_transformers.cross_encoder.modules import LogitScore
from sentence_transformers.sparse_encoder.modules import SpladePooling, SparseStaticEmbedding, SparseAutoEncoder
from sentence_transformers.base.modules import Router
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
transformers.logging.set_verbosity_error(); transformers.logging.disable_progress_bar(); warnings.filterwarnings("ignore")
F32 = {"dtype": torch.float32}
IDENT = "torch.nn.modules.linear.Identity"

# ---------------------------------------------------------------- tokenizers with pairs, configs
def clsep(rng, corp, vocab, sp):
    tok, _ = unigram(rng, corp, vocab)
    t = Tokenizer(models.Unigram()); t.normalizer = tok.normalizer; t.pre_tokenizer = tok.pre_tokenizer; t.decoder = tok.decoder
    t.train_from_iterator(corp, trainers.UnigramTrainer(vocab_size=vocab, special_tokens=[AddedToken(x, special=True, lstrip=(x == "[MASK]"), normalized=False) for x in sp], unk_token=next(x for x in sp if "unk" in x.lower()), show_progress=False))
    return t, dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], [next(x for x in sp if k in x.lower()) for k in ("pad", "unk", "cls", "sep", "mask")]))

def pair(tok, single, pr):
    names = sorted({w.split(":")[0] for w in (single + " " + pr).split() if w[0] != "$"})
    tok.post_processor = processors.TemplateProcessing(single=single, pair=pr, special_tokens=[(n, tok.token_to_id(n)) for n in names])

TYPELESS = ["input_ids", "attention_mask"]
def make(fam, rng, maxlen, size=None, extra_corpus=(), vocab=None, **kw):
    """A tokenizer with the family's usual pair and a small config."""
    corp = corpus(rng) + list(extra_corpus); V = vocab or rng.choice([372, 384, 396]); heads, hd = size or rng.choice([(2, 16), (3, 12), (4, 8), (2, 18), (2, 20)]); H = heads * hd
    I = rng.choice([H + 6, 2 * H, H + 14]); L = 2; eps = rng.choice([1e-12, 1e-5]); act = rng.choice(["gelu", "gelu", "gelu_new", "relu"]); names = None; side = "right"
    bert = ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
    if fam in ("bert", "electra", "gte", "nomic-bert", "distilbert"): tok, sp = wordpiece(rng, corp, V); pair(tok, *bert)
    elif fam == "mpnet": tok, sp = wordpiece(rng, corp, V, True, True)
    elif fam == "roberta": tok, sp = bytebpe_roberta(rng, corp, V)
    elif fam == "xlm-roberta": tok, sp = unigram(rng, corp, V); pair(tok, "<s> $A </s>", "<s> $A </s> </s> $B </s>")
    elif fam == "albert": tok, sp = clsep(rng, corp, V, ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]); pair(tok, *bert)
    elif fam == "deberta-v2": tok, sp = clsep(rng, corp, V, ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]); pair(tok, *bert)
    elif fam == "modernbert": tok, sp = bytebpe_modern(rng, corp, V); pair(tok, *bert); names = TYPELESS
    elif fam in ("qwen2", "qwen3"):
        tok, sp = bytebpe_qwen(rng, corp, V); names = TYPELESS; side = "left"
        tok.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    elif fam == "llama": tok, sp = spmbpe(rng, corp, V - 256); names = TYPELESS; pair(tok, "<s> $A", "<s> $A <s>:1 $B:1")
    elif fam == "eurobert": tok, sp = bytebpe_qwen(rng, corp, V, LLAMA3, True); names = TYPELESS; b = "<|begin_of_text|>"; e = "<|endoftext|>"; pair(tok, f"{b} $A {e}", f"{b} $A {e} {b}:1 $B:1 {e}:1")
    elif fam == "gemma": tok, sp = spmbpe(rng, corp, V - 256, gemma=True); names = TYPELESS; side = "left"; pair(tok, "<bos> $A", "<bos> $A <bos>:1 $B:1")
    elif fam == "gemma3": tok, sp = spmbpe(rng, corp, V - 256, gemma=True); names = TYPELESS; pair(tok, "<bos> $A <eos>", "<bos> $A <eos> <bos>:1 $B:1 <eos>:1")
    else: raise ValueError(fam)
    vs = tok.get_vocab_size(); i = lambda k: tok.token_to_id(sp[k]); pad = i("pad_token"); off = pad + 1 if fam in ("roberta", "xlm-roberta", "mpnet") else 0
    com = dict(vocab_size=vs, hidden_size=H, num_hidden_layers=L, num_attention_heads=heads, intermediate_size=I, pad_token_id=pad, **kw)
    enc = dict(hidden_act=act, layer_norm_eps=eps, max_position_embeddings=maxlen + rng.choice([0, 4]) + off)
    kv = rng.choice([k for k in (1, 2, heads) if heads % k == 0]); rope = {"rope_type": "default", "rope_theta": rng.choice([10000.0, 500.0, 1e6])}; mp = 2 * maxlen
    llm = dict(num_key_value_heads=kv, max_position_embeddings=mp, rms_norm_eps=1e-6)
    eos = lambda k: tok.token_to_id(sp.get(k, sp.get("eos_token")))
    c = {"bert": lambda: T.BertConfig(type_vocab_size=2, **enc, **com),
         "electra": lambda: T.ElectraConfig(type_vocab_size=2, embedding_size=rng.choice([24, H]), **enc, **com),
         "distilbert": lambda: T.DistilBertConfig(dim=H, hidden_dim=I, n_layers=L, n_heads=heads, activation=rng.choice(["gelu", "relu"]), max_position_embeddings=enc["max_position_embeddings"], vocab_size=vs, pad_token_id=pad, **kw),
         "mpnet": lambda: T.MPNetConfig(relative_attention_num_buckets=32, bos_token_id=0, eos_token_id=2, **enc, **com),
         "roberta": lambda: T.RobertaConfig(type_vocab_size=1, bos_token_id=0, eos_token_id=2, **enc, **com),
         "xlm-roberta": lambda: T.XLMRobertaConfig(type_vocab_size=1, bos_token_id=0, eos_token_id=2, **enc, **com),
         "albert": lambda: T.AlbertConfig(embedding_size=20, type_vocab_size=2, bos_token_id=2, eos_token_id=3, num_hidden_groups=1, classifier_dropout_prob=0.0, **enc, **com),
         "deberta-v2": lambda: T.DebertaV2Config(relative_attention=True, max_relative_positions=-1, position_biased_input=rng.random() < .5, pos_att_type=["p2c", "c2p"], position_buckets=rng.choice([8, 16]), norm_rel_ebd="layer_norm", share_att_key=True, type_vocab_size=rng.choice([0, 2]), pooler_hidden_act="gelu", **enc, **com),
         "gte": lambda: T.GteConfig(type_vocab_size=2, rope_parameters=rope, **{**enc, "max_position_embeddings": mp}, **com),
         "nomic-bert": lambda: T.NomicBertConfig(type_vocab_size=2, rope_parameters=rope, **{**enc, "hidden_act": "silu", "max_position_embeddings": mp}, **com),
         "modernbert": lambda: T.ModernBertConfig(hidden_activation="gelu", max_position_embeddings=mp, norm_eps=1e-5, global_attn_every_n_layers=2, local_attention=rng.choice([6, 8, 12]), cls_token_id=i("cls_token"), sep_token_id=i("sep_token"), bos_token_id=i("cls_token"), eos_token_id=i("sep_token"), classifier_activation="gelu", **{**com, "num_hidden_layers": 3}),
         "eurobert": lambda: T.EuroBertConfig(rope_parameters=rope, bos_token_id=tok.token_to_id("<|begin_of_text|>"), eos_token_id=pad, mask_token_id=pad, **llm, **com),
         "qwen2": lambda: T.Qwen2Config(rope_parameters=rope, bos_token_id=pad, eos_token_id=pad, use_sliding_window=False, **llm, **com),
         "qwen3": lambda: T.Qwen3Config(rope_parameters=rope, head_dim=hd + rng.choice([0, 4]), bos_token_id=pad, eos_token_id=pad, use_sliding_window=False, **llm, **com),
         "llama": lambda: T.LlamaConfig(rope_parameters=rope, bos_token_id=1, eos_token_id=2, **llm, **com),
         "gemma": lambda: T.GemmaConfig(rope_parameters=rope, head_dim=hd + 2, bos_token_id=2, eos_token_id=1, **llm, **com),
         "gemma3": lambda: T.Gemma3TextConfig(head_dim=16, query_pre_attn_scalar=16, sliding_window=12, layer_types=["sliding_attention", "full_attention"], rope_parameters={"full_attention": {"rope_type": "default", "rope_theta": 1e6}, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}, use_bidirectional_attention=True, bos_token_id=2, eos_token_id=1, **llm, **com)}[fam]()
    pt = PreTrainedTokenizerFast(tokenizer_object=tok, model_max_length=maxlen, padding_side=side, **sp, **({"model_input_names": names} if names else {}))
    return pt, c

def sized(c): return getattr(c, "hidden_size", None) or c.dim
def model(cls, c, seed, scale=1.0, bias=0.0):
    """Random weights; scale shrinks the token embeddings (a tied decoder's logits), bias shifts the decoder's."""
    m = randomize(cls.from_config(c).float().eval(), seed, "gemma" in c.model_type)
    with torch.no_grad():
        if scale != 1: m.get_input_embeddings().weight.mul_(scale)
        out = m.get_output_embeddings() if bias else None
        if out is not None: out.bias.add_(bias)
    return m

def spread(m, pt, seed):
    """Scales the last linear layer of a classification head so that the logits of pairs have mean 0 (where there is a bias) and deviation 1."""
    r = random.Random(seed); ok = set(inspect.signature(m.forward).parameters); head = [x for x in m.modules() if isinstance(x, nn.Linear) and x.out_features == m.config.num_labels][-1]
    with torch.no_grad():
        lo = torch.cat([m(**{k: v for k, v in pt(words(r, 2, 12), words(r, 2, 24), truncation=True, return_tensors="pt").items() if k in ok}).logits for _ in range(40)]); s = lo.std(0, keepdim=True)
        head.weight.div_(s.T)
        if head.bias is not None: head.bias.sub_(lo.mean(0)).div_(s[0])
    return m

def plain_folder(d, m, pt, edit=None, drop_maxlen=False):
    """What transformers' own save_pretrained leaves, as most published rerankers are."""
    shutil.rmtree(d, ignore_errors=True); m.save_pretrained(d); pt.save_pretrained(d)
    if edit:
        p = d + "/config.json"; c = edit(json.load(open(p))); json.dump(c, open(p, "w"), indent=2)
    if drop_maxlen:
        p = d + "/tokenizer_config.json"; c = json.load(open(p)); c.pop("model_max_length", None); json.dump(c, open(p, "w"), indent=2)
    return d

# ---------------------------------------------------------------- texts
def words(rng, lo, hi): return re.sub(r"[\x00-\x1f]", "", sentence(rng, lo, hi)).strip() or "x"
def documents(rng, pad=""):
    """12: empty, blank, a word, short, two far over any limit, one that ends in the padding token's text."""
    return ["", " ", rng.choice(WORDS), sentence(rng, 60, 90), "x" * rng.randint(60, 120), words(rng, 2, 4) + " " + pad, words(rng, 9, 14), words(rng, 40, 60)] + [words(rng, 2, rng.choice([5, 9, 14])) for _ in range(4)]
def queries(rng, chat=False):   # the last is the longer of most pairs
    return [words(rng, 2, 4)] + [words(rng, 6, 9)] * chat + [words(rng, 40, 55)]

def flat(rows):
    a = [np.asarray(r, dtype=np.float32) for r in rows]
    return torch.from_numpy(np.concatenate(a)), torch.from_numpy(np.cumsum([0] + [len(x) for x in a]).astype(np.int32))
def put(g, name, rows): g[name], g[name + "_starts"] = flat(rows)
def put_sparse(g, name, dense):
    idx = [torch.nonzero(r).flatten() for r in dense]
    g[name + "_indices"] = torch.cat(idx).int(); g[name + "_values"] = torch.cat([r[i] for r, i in zip(dense, idx)]).float()
    g[name + "_starts"] = torch.tensor(np.cumsum([0] + [len(i) for i in idx]), dtype=torch.int32)

def finish(out, name, seed, g, **cases):
    d = os.path.join(out, name)
    save_file({k: torch.as_tensor(v).contiguous() for k, v in g.items()}, d + "/golden.safetensors")
    json.dump(dict(name=name, seed=seed, **cases, versions=dict(torch=torch.__version__, transformers=T.__version__, tokenizers=tokenizers.__version__, sentence_transformers=sentence_transformers.__version__)), open(d + "/cases.json", "w", encoding="utf-8"), indent=0)
    size = sum(f.stat().st_size for f in pathlib.Path(d).rglob("*") if f.is_file())
    print(f"{name:28s} {size/1e3:6.0f} kB  " + " ".join(f"{k}~{v.float().std():.2f}" for k, v in g.items() if v.dtype == torch.float32 and v.numel() > 1), flush=True)

# ---------------------------------------------------------------- rerankers
def answer_reranker(out, name, seed, rng, d, kind="reranker"):
    ce = CrossEncoder(d, device="cpu", model_kwargs=F32); q = queries(rng, name.startswith("logit")); docs = documents(rng, ce.tokenizer.pad_token or ""); custom = rng.choice(["Instruct: find the passage. ", "question: ", "→ "])
    run = lambda **k: torch.tensor([ce.predict([(a, b) for b in docs], batch_size=1, show_progress_bar=False, **k) for a in q]).float()
    g = dict(scores=run(), logits=run(activation_fn=nn.Identity()), prompted=run(prompt=custom))
    for n in ce.prompts or {}:
        if ce.prompts[n]: g["prompt_" + n] = run(prompt_name=n)
    f = [[ce.preprocess([(a, b)], prompt=ce._resolve_prompt(None, None)) for b in docs] for a in q]
    batched = torch.tensor(np.array([ce.predict([(a, b) for b in docs], activation_fn=nn.Identity(), show_progress_bar=False) for a in q])).float()
    assert g["logits"].std() > .05 and g["logits"].isfinite().all(), name
    finish(out, name, seed, g, kind=[kind], queries=q, documents=docs, custom_prompt=custom, prompts={k: v for k, v in (ce.prompts or {}).items() if v}, default_prompt_name=ce.default_prompt_name,
        activation=type(ce.activation_fn).__name__, max_length=ce.max_seq_length, ids=[[x["input_ids"][0].tolist() for x in r] for r in f],
        token_type_ids=[[x["token_type_ids"][0].tolist() for x in r] for r in f] if "token_type_ids" in f[0][0] else None, max_abs_diff_batched=(batched - g["logits"]).abs().max().item())

def reranker(fam, legacy=None, act=None, prompts=None, default=None, **kw):
    """legacy: None = as sentence-transformers saves it; else an edit of config.json beside transformers' own files."""
    def run(out, name, rng, seed):
        maxlen = rng.choice([40, 48, 56, 64]); pt, c = make(fam, rng, maxlen, num_labels=1, **kw)
        m = spread(model(T.AutoModelForSequenceClassification, c, seed), pt, seed); d = os.path.join(out, name, "model"); os.makedirs(os.path.dirname(d), exist_ok=True)
        if legacy: plain_folder(d, m, pt, legacy, drop_maxlen=name == "rerank-bert-legacy")
        else:
            tmp = plain_folder(os.path.join(out, name, "tmp"), m, pt); shutil.rmtree(d, ignore_errors=True)
            CrossEncoder(tmp, device="cpu", model_kwargs=F32, activation_fn=act, prompts=prompts, default_prompt_name=default).save_pretrained(d, create_model_card=False); shutil.rmtree(tmp)
        if name == "rerank-bert-legacy":   # a tensor that old checkpoints carry
            w = d + "/model.safetensors"; sd = load_file(w); sd["bert.embeddings.position_ids"] = torch.arange(c.max_position_embeddings).unsqueeze(0); save_file(sd, w, metadata={"format": "pt"})
        answer_reranker(out, name, seed, rng, d)
        if fam == "gte" and legacy:   # the config as the remote-code checkpoint has it; the reference read config.native.json
            p = d + "/config.json"; c = json.load(open(p)); os.rename(p, d + "/config.native.json")
            json.dump({**upstream_config(c), "architectures": ["NewForSequenceClassification"], "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}, open(p, "w"), indent=2)
            w = d + "/model.safetensors"; sd = load_file(w); save_file({re.sub(r"^gte\.", "new.", k): v for k, v in sd.items()}, w, metadata={"format": "pt"})
    return run

def dense_scores(out, name, rng, seed):
    """A CrossEncoder of Transformer, Pooling and Dense to "scores": its model_type says reranker, though it pools."""
    pt, c = make("bert", rng, 48); tmp = plain_folder(os.path.join(out, name, "tmp"), model(T.AutoModel, c, seed), pt); H = c.hidden_size; d = os.path.join(out, name, "model"); shutil.rmtree(d, ignore_errors=True)
    head = randomize(Dense(H, 1, activation_function=nn.Identity(), module_input_name="sentence_embedding", module_output_name="scores"), seed + 4)
    CrossEncoder(modules=[Transformer(tmp, model_kwargs=F32), Pooling(H, pooling_mode="mean"), head], device="cpu").save_pretrained(d, create_model_card=False); shutil.rmtree(tmp)
    answer_reranker(out, name, seed, rng, d)

def old(extra): return lambda c: {**legacy_config(c), **extra}
TEMPLATE = ('{%- set instruction = messages | selectattr("role", "eq", "system") | map(attribute="content") | first | default("Given a web search query, retrieve relevant passages that answer the query") -%}\n'
    '{%- set q = messages | selectattr("role", "eq", "query") | map(attribute="content") | first -%}\n{%- set d = messages | selectattr("role", "eq", "document") | map(attribute="content") | first -%}\n'
    '<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    '<|im_start|>user\n<Instruct>: {{ instruction }}\n<Query>: {{ q }}\n<Document>: {{ d }}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n\n')
STRUCTURED = ('query: {{ (messages | selectattr("role", "eq", "query") | first).content[0].text }}\ndocument: {{ (messages | selectattr("role", "eq", "document") | first).content[0].text }}\n'
    'You are a search relevance expert who evaluates how well documents match search queries. Return 1 if relevant, else 0.\nRelevance:')
FLAG = ('{{ bos_token }}A: {{ messages | selectattr("role", "eq", "query") | map(attribute="content") | first }}\nB: {{ messages | selectattr("role", "eq", "document") | map(attribute="content") | first }}\n'
    "Given a query A and a passage B, determine whether the passage contains an answer to the query by providing a prediction of either 'Yes' or 'No'.")   # flagllm.py
def logit(fam, template, true, false, prompts=None, default=None, maxlen=224):
    def run(out, name, rng, seed):
        body = [re.sub(r"\{[%{].*?[%}]\}", "", template)]; answers = ["yes", "no", " yes", " no", "1", "0"] * 120
        if fam == "gemma": body = body[0].split("\n"); answers = [true] * 2000   # no token there goes beyond a line
        pt, c = make(fam, rng, maxlen, extra_corpus=body * 60 + answers)
        pt.chat_template = template; c.tie_word_embeddings = True
        m = model(T.AutoModelForCausalLM, c, seed, scale=.2); tmp = plain_folder(os.path.join(out, name, "tmp"), m, pt); d = os.path.join(out, name, "model"); shutil.rmtree(d, ignore_errors=True)
        tr = Transformer(tmp, transformer_task="text-generation", model_kwargs=F32); ids = [pt.convert_tokens_to_ids(x) if x else None for x in (true, false)]
        assert ids[0] is not None and ids[0] != ids[1], ids
        CrossEncoder(modules=[tr, LogitScore(*ids)], device="cpu", prompts=prompts, default_prompt_name=default).save_pretrained(d, create_model_card=False); shutil.rmtree(tmp)
        answer_reranker(out, name, seed, rng, d)
    return run

# ---------------------------------------------------------------- classifiers
def classifier(fam, labels, problem=None, **kw):
    def run(out, name, rng, seed):
        maxlen = rng.choice([40, 48, 56]); pt, c = make(fam, rng, maxlen, id2label=dict(enumerate(labels)), label2id={l: i for i, l in enumerate(labels)}, **kw)
        if problem: c.problem_type = problem
        d = plain_folder(os.path.join(out, name, "model"), spread(model(T.AutoModelForSequenceClassification, c, seed), pt, seed), pt, old({}))
        m = T.AutoModelForSequenceClassification.from_pretrained(d, dtype=torch.float32).eval(); tk = T.AutoTokenizer.from_pretrained(d)
        tx = [words(rng, 1, n) for n in (1, 3, 6, 9, 12, 20, 40, 80)]; ps = [[words(rng, 2, n), words(rng, 2, 30 - n)] for n in (3, 6, 9, 15, 20, 27)] + [[words(rng, 40, 50), words(rng, 60, 70)], [words(rng, 3, 5), ""]]
        g = {}; ids = {}
        with torch.no_grad():
            for n, xs in (("texts", [(x,) for x in tx]), ("pairs", ps)):
                e = [tk(*x, truncation=True, max_length=maxlen, return_tensors="pt") for x in xs]; g[n + "_logits"] = torch.cat([m(**{k: v for k, v in x.items() if k != "token_type_ids" or fam == "bert"}).logits for x in e]); ids[n] = [x["input_ids"][0].tolist() for x in e]
                g[n + "_probabilities"] = torch.sigmoid(g[n + "_logits"]) if problem else torch.softmax(g[n + "_logits"], -1)
        finish(out, name, seed, g, kind=["classifier"], labels=labels, problem_type=problem, texts=tx, pairs=ps, ids=ids, max_length=maxlen)
    return run

# ---------------------------------------------------------------- sparse
def plain_texts(rng): return [words(rng, 1, n) for n in (1, 2, 4, 6, 9, 14, 20, 30)] + [sentence(rng, 60, 80)]
def answer_sparse(out, name, seed, rng, d, kind=("sparse",)):
    st = SparseEncoder(d, device="cpu", model_kwargs=F32); E = dict(convert_to_sparse_tensor=False, batch_size=1, show_progress_bar=False); tx = plain_texts(rng); k = rng.choice([4, 7])
    g = {}; ans = dict(query=st.encode_query(tx, **E), document=st.encode_document(tx, **E), plain=st.encode(tx, **E), max_active=st.encode(tx, max_active_dims=k, **E))
    for n, a in ans.items(): put_sparse(g, n, a)
    ids = lambda t: [st.preprocess([x], task=t)["input_ids"][0].tolist() for x in tx]
    finish(out, name, seed, g, kind=list(kind), texts=tx, max_active=k, dimensions=ans["plain"].shape[1], ids=ids(None), ids_query=ids("query"), prompts={a: b for a, b in st.prompts.items() if b}, active=[int((r > 0).sum()) for r in ans["plain"]])

def splade(fam, strategy="max", activation="relu", plain=False, idf=False, legacy=False, **kw):
    def run(out, name, rng, seed):
        maxlen = rng.choice([32, 40, 48]); pt, c = make(fam, rng, maxlen, **kw); d = os.path.join(out, name, "model"); tmp = os.path.join(out, name, "tmp")
        m = model(T.AutoModelForMaskedLM, c, seed, scale=.3 if c.model_type != "electra" else 1, bias=-3.0)
        if plain: plain_folder(d, m, pt, old({}))
        else:
            plain_folder(tmp, m, pt); shutil.rmtree(d, ignore_errors=True); tr = Transformer(tmp, transformer_task="fill-mask", model_kwargs=F32); mods = [tr, SpladePooling(pooling_strategy=strategy, activation_function=activation)]
            if idf:
                w = torch.rand(len(pt.get_vocab()), generator=torch.Generator().manual_seed(seed)) * 9; w[torch.tensor(pt.all_special_ids)] = 0
                mods = [Router.for_query_document(query_modules=[SparseStaticEmbedding(tr.tokenizer, w, frozen=True)], document_modules=mods)]
            SparseEncoder(modules=mods, device="cpu", similarity_fn_name="dot").save_pretrained(d, create_model_card=False); shutil.rmtree(tmp)
            if legacy:   # as sentence-transformers 5.0 to 5.3 wrote it
                json.dump([{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.sparse_encoder.models.MLMTransformer"}, {"idx": 1, "name": "1", "path": "1_SpladePooling", "type": "sentence_transformers.sparse_encoder.models.SpladePooling"}], open(d + "/modules.json", "w"), indent=2)
                json.dump({"max_seq_length": maxlen, "do_lower_case": False}, open(d + "/sentence_bert_config.json", "w"), indent=2)
                json.dump({"pooling_strategy": strategy, "activation_function": activation, "word_embedding_dimension": c.vocab_size}, open(d + "/1_SpladePooling/config.json", "w"), indent=2)
                w = d + "/model.safetensors"; sd = load_file(w); sd["cls.predictions.decoder.weight"] = sd["bert.embeddings.word_embeddings.weight"].clone(); sd["cls.predictions.decoder.bias"] = sd["cls.predictions.bias"].clone(); save_file(sd, w, metadata={"format": "pt"})   # as old checkpoints repeat them
        answer_sparse(out, name, seed, rng, d, ("embedding",) if plain else ("sparse",))
    return run

def csr(out, name, rng, seed):
    pt, c = make("bert", rng, 40); tmp = plain_folder(os.path.join(out, name, "tmp"), model(T.AutoModel, c, seed), pt); H = c.hidden_size; d = os.path.join(out, name, "model"); shutil.rmtree(d, ignore_errors=True)
    sae = SparseAutoEncoder(H, hidden_dim=4 * H, k=rng.choice([6, 9]), k_aux=12, normalize=rng.random() < .5)
    randomize(sae, seed + 1); SparseEncoder(modules=[Transformer(tmp, model_kwargs=F32), Pooling(H, pooling_mode="mean"), sae], device="cpu").save_pretrained(d, create_model_card=False); shutil.rmtree(tmp)
    answer_sparse(out, name, seed, rng, d)

def bge_m3(out, name, rng, seed):
    """Dense, sparse and multi-vector as FlagEmbedding computes them: relu(sparse_linear(h)) a token, the greatest a token id, cls, eos, pad and unk ids dropped, values > 0;
    colbert_linear(h) of all tokens but the first (the last </s> stays), unit length; colbert score there is MaxSim divided by the number of query vectors."""
    pt, c = make("xlm-roberta", rng, 48); H = c.hidden_size; tmp = plain_folder(os.path.join(out, name, "tmp"), model(T.AutoModel, c, seed), pt); d = os.path.join(out, name, "model"); shutil.rmtree(d, ignore_errors=True)
    SentenceTransformer(modules=[Transformer(tmp, model_kwargs=F32), Pooling(H, pooling_mode="cls"), Normalize()], device="cpu").save_pretrained(d, create_model_card=False); shutil.rmtree(tmp); legacy_folder(d, 48)
    gen = torch.Generator().manual_seed(seed + 5); sp = nn.Linear(H, 1); co = nn.Linear(H, H)
    for l in (sp, co): l.weight.data = torch.randn(l.weight.shape, generator=gen) / H ** .5; l.bias.data = torch.randn(l.bias.shape, generator=gen) * .1
    torch.save(sp.state_dict(), d + "/sparse_linear.pt"); torch.save(co.state_dict(), d + "/colbert_linear.pt")
    st = SentenceTransformer(d, device="cpu", model_kwargs=F32); tx = plain_texts(rng); g = dict(dense=torch.from_numpy(st.encode(tx, batch_size=1))); rows = []; multi = []; ids = []
    drop = {pt.convert_tokens_to_ids(t) for t in ("<s>", "</s>", "<pad>", "<unk>")}
    with torch.no_grad():
        for t in tx:
            f = st.preprocess([t]); h = st[0](dict(f))["token_embeddings"][0]; w = torch.relu(sp(h)).flatten(); r = torch.zeros(c.vocab_size)
            for i, v in zip(f["input_ids"][0].tolist(), w):
                if i not in drop and v > 0: r[i] = max(r[i], v)
            rows.append(r); multi.append(nn.functional.normalize(co(h[1:]), dim=-1).numpy()); ids.append(f["input_ids"][0].tolist())
    put_sparse(g, "sparse", rows); put(g, "multi", multi)
    g["maxsim"] = torch.tensor([[float((torch.from_numpy(a) @ torch.from_numpy(b).T).max(1).values.sum()) for b in multi] for a in multi[:3]])
    finish(out, name, seed, g, kind=["embedding", "sparse", "multi-vector"], texts=tx, ids=ids, dimensions=c.vocab_size)

# ---------------------------------------------------------------- multi-vector
PUNCT = list(string.punctuation)
def answer_multi(out, name, seed, rng, d):
    mv = MultiVectorEncoder(d, device="cpu", model_kwargs=F32); E = dict(batch_size=1, show_progress_bar=False)
    q = [words(rng, 1, 2), words(rng, 4, 6) + "?", "what, exactly: is (this) one!", words(rng, 30, 40), "[Q] [D] " + words(rng, 2, 3)]
    ds = [words(rng, 1, 2), "a. b, c; d! e? (f) [g] 'h' \"i\" #j", words(rng, 10, 14) + ".", words(rng, 20, 30), sentence(rng, 70, 80), ".", "…。、 " + words(rng, 3, 5)]
    a = mv.encode_query(q, **E); b = mv.encode_document(ds, **E); g = {}; put(g, "query", [x.cpu() if hasattr(x, "cpu") else x for x in a]); put(g, "document", b); g["maxsim"] = mv.similarity(a, b).float()
    def seen(xs, task):
        r = []
        for x in xs:
            f = mv.preprocess([x], prompt=mv._resolve_prompt(None, task), task=task); i = f["input_ids"][0].tolist(); m = f["attention_mask"][0].bool().tolist()
            for mod in mv:
                if isinstance(mod, MultiVectorMask): sc = mod(dict(f), task=task)["attention_mask"][0].bool().tolist()
            r.append(dict(ids=i, attended=[int(v) for v in m], scored=[int(v) for v in sc]))
        return r
    tr = mv[0]
    finish(out, name, seed, g, kind=["multi-vector"], queries=q, documents=ds, prompts=mv.prompts, query_expansion=tr.query_expansion, query_length=tr.query_length, document_length=tr.document_length, max_length=mv.max_seq_length,
        skiplist=[m.skiplist_words for m in mv if isinstance(m, MultiVectorMask)][0], query_tokens=seen(q, "query"), document_tokens=seen(ds, "document"), dim=int(g["query"].shape[1]))

def dense(a, b, seed, **kw): return randomize(Dense(a, b, bias=False, activation_function=nn.Identity(), module_input_name="token_embeddings", **kw), seed)
def multi(fam, expansion=None, tasks=None, skip=PUNCT, dims=(24,), pool=None, residual=False, query_length=None, document_length=None, marks=("[Q] ", "[D] "), added=True):
    def run(out, name, rng, seed):
        pt, c = make(fam, rng, 64)
        if added: pt.add_tokens([AddedToken(m.strip(), normalized=False, special=True) for m in marks])
        c.vocab_size = len(pt); tmp = plain_folder(os.path.join(out, name, "tmp"), model(T.AutoModel, c, seed), pt); d = os.path.join(out, name, "model"); shutil.rmtree(d, ignore_errors=True)
        kw = {k: v for k, v in dict(query_expansion=expansion and {**expansion, "length": rng.choice([14, 17])}, query_length=query_length, document_length=document_length).items() if v is not None}
        ds = [c.hidden_size, *dims]; mods = [Transformer(tmp, model_kwargs=F32, **kw)] + [dense(ds[i], ds[i + 1], seed + i, **({"use_residual": True} if residual else {})) for i in range(len(dims))] + [MultiVectorMask(skiplist_words=skip, skiplist_tasks=tasks), Normalize(module_input_name="token_embeddings")]
        if pool: mods.append(HierarchicalTokenPooling(pool_factor=pool))
        MultiVectorEncoder(modules=mods, device="cpu", prompts={"query": marks[0], "document": marks[1]}).save_pretrained(d, create_model_card=False); shutil.rmtree(tmp)
        answer_multi(out, name, seed, rng, d)
    return run

def pylate(out, name, rng, seed, expand=True):
    """As PyLate up to 3 saves: [Transformer, Dense], prefixes and lengths at the top of config_sentence_transformers.json, "[Q] " and "[D] " as added tokens."""
    pt, c = make("bert", rng, 64); pt.add_tokens(["[Q] ", "[D] "]); c.vocab_size = len(pt); H = c.hidden_size; d = plain_folder(os.path.join(out, name, "model"), model(T.AutoModel, c, seed), pt, old({}))
    t = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer.Transformer"}, {"idx": 1, "name": "1", "path": "1_Dense", "type": "pylate.models.Dense.Dense"}]
    json.dump(t, open(d + "/modules.json", "w"), indent=2); json.dump({"max_seq_length": 63, "do_lower_case": False}, open(d + "/sentence_bert_config.json", "w"), indent=2); os.makedirs(d + "/1_Dense")
    save_file({"linear.weight": dense(H, 20, seed + 3).linear.weight.detach()}, d + "/1_Dense/model.safetensors", metadata={"format": "pt"})
    json.dump({"in_features": H, "out_features": 20, "bias": False, "activation_function": IDENT}, open(d + "/1_Dense/config.json", "w"), indent=2)
    json.dump({"__version__": {"sentence_transformers": "4.0.2", "transformers": "4.48.2", "pytorch": "2.5.1"}, "prompts": {}, "default_prompt_name": None, "similarity_fn_name": "MaxSim", "model_type": "ColBERT", "query_prefix": "[Q] ", "document_prefix": "[D] ", "query_length": rng.choice([12, 14]), "document_length": rng.choice([40, 44]),
        "attend_to_expansion_tokens": not expand, "do_query_expansion": expand, "skiplist_words": PUNCT}, open(d + "/config_sentence_transformers.json", "w"), indent=2)
    answer_multi(out, name, seed, rng, d)

def stanford_folder(d, rng, seed, arch="HF_ColBERT"):
    pt, c = make("bert", rng, 64); tok = json.loads(pt.backend_tokenizer.to_str()); v = tok["model"]["vocab"]; n = len(v)
    v["[unused0]"], v["[unused1]"] = n, n + 1; t = Tokenizer.from_str(json.dumps(tok)); pt = PreTrainedTokenizerFast(tokenizer_object=t, model_max_length=64, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]"); c.vocab_size = n + 2
    plain_folder(d, model(T.AutoModel, c, seed), pt, old({"architectures": [arch]})); w = d + "/model.safetensors"; sd = {"bert." + k: x for k, x in load_file(w).items()}
    sd["linear.weight"] = dense(c.hidden_size, 16, seed + 3).linear.weight.detach().clone(); save_file(sd, w, metadata={"format": "pt"})
    json.dump({"query_token_id": "[unused0]", "doc_token_id": "[unused1]", "query_token": "[Q]", "doc_token": "[D]", "query_maxlen": 12, "doc_maxlen": 36, "dim": 16, "similarity": "cosine", "attend_to_mask_tokens": False, "mask_punctuation": True, "checkpoint": "colbert", "interaction": "colbert"}, open(d + "/artifact.metadata", "w"), indent=2)
def stanford(out, name, rng, seed):
    d = os.path.join(out, name, "model"); stanford_folder(d, rng, seed); answer_multi(out, name, seed, rng, d)

# ---------------------------------------------------------------- token vectors, late chunking
def spans_of(rng, t, starts):
    """Byte spans: 3 to 5 that cover the text, one that overlaps two of them; each has a token that begins in it."""
    cuts = sorted(rng.sample(range(1, len(t)), rng.choice([2, 3, 4]))); b = [len(t[:c].encode()) for c in [0] + cuts + [len(t)]]
    s = [[x, y] for x, y in zip(b, b[1:])] + [[b[0] + len(t[0].encode()), b[2]]]
    return [x for x in s if any(x[0] <= y < x[1] for y in starts)]
def tokens(fam, mode, per_token=False, after=()):
    def run(out, name, rng, seed):
        maxlen = 128; pt, c = make(fam, rng, maxlen); H = sized(c); d = os.path.join(out, name, "model"); tmp = os.path.join(out, name, "tmp")
        if fam == "qwen3": t = processors.TemplateProcessing(single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", pt.pad_token_id)]); pt.backend_tokenizer.post_processor = processors.Sequence([pt.backend_tokenizer.post_processor, t])
        plain_folder(tmp, model(T.AutoModel, c, seed), pt); shutil.rmtree(d, ignore_errors=True); mods = [Transformer(tmp, model_kwargs=F32)]
        if per_token: mods.append(dense(H, 28, seed + 9)); H = 28
        mods.append(Pooling(H, pooling_mode=mode))
        for k, o in enumerate(after): mods.append(randomize(Dense(H, o, bias=False, activation_function=nn.Identity()), seed + 20 + k)); H = o
        mods.append(Normalize()); SentenceTransformer(modules=mods, device="cpu", prompts={"query": "query: ", "document": "passage: "}).save_pretrained(d, create_model_card=False); shutil.rmtree(tmp)
        st = SentenceTransformer(d, device="cpu", model_kwargs=F32); tx = [t for t in texts(rng, 24) if t and "\0" not in t]; tx = tx[:2] + [" " + tx[3] + "  ", "e\u0301 👨\u200d👩\u200d👧 ﷺ ½ x\u200by", "नमस्ते दुनिया สวัสดี 你好世界"] + tx[2:14]; E = dict(output_value="token_embeddings", batch_size=1, show_progress_bar=False)
        def offs(xs):
            e = [st.tokenizer(x, truncation=True, return_offsets_mapping=True, return_special_tokens_mask=True) for x in xs]
            for x, y in zip(xs, e): assert st.preprocess([x])["input_ids"][0].tolist() == y["input_ids"]
            return dict(ids=[y["input_ids"] for y in e], special=[y["special_tokens_mask"] for y in e], offsets_chars=[[list(o) for o in y["offset_mapping"]] for y in e], offsets_bytes=[[[len(x[:o[0]].encode()), len(x[:o[1]].encode())] for o in y["offset_mapping"]] for x, y in zip(xs, e)])
        g = {}; put(g, "vectors", [x.numpy() for x in st.encode(tx, **E)]); put(g, "prompt_vectors", [x.numpy() for x in st.encode(tx[:6], prompt_name="query", **E)])
        # late chunking: tokens of the whole text that begin in the span, special ones left out; mean in float64, unit length
        lt = []
        while len(lt) < 6:
            t = words(rng, 14, 30)
            if 40 <= len(st.tokenizer(t)["input_ids"]) < maxlen and len(t.encode()) > len(t): lt.append(t)
        o = offs(lt); sp = []; late = []; mods_late = []; last = []; v = st.encode(lt, **E); put(g, "late_vectors", [x.numpy() for x in v])
        for k, t in enumerate(lt):
            starts = [b[0] for b, s in zip(o["offsets_bytes"][k], o["special"][k]) if not s]; ss = spans_of(rng, t, starts); sp.append(ss)
            for lo, hi in ss:
                pick = [x for x, b, s in zip(v[k].double(), o["offsets_bytes"][k], o["special"][k]) if not s and lo <= b[0] < hi]; m = torch.stack(pick).mean(0)
                late.append((m / m.norm()).numpy()); last.append((pick[-1] / pick[-1].norm()).numpy()); f = {"sentence_embedding": m.float().unsqueeze(0)}
                for mod in list(st)[1:]:
                    if not isinstance(mod, Pooling) and getattr(mod, "module_input_name", "") == "sentence_embedding": f = mod(f)
                mods_late.append(f["sentence_embedding"][0].detach().numpy())
        g["late"] = torch.tensor(np.array(late)).float(); g["late_modules"] = torch.tensor(np.array(mods_late)).float(); g["late_last"] = torch.tensor(np.array(last)).float()
        g["late_starts"] = torch.tensor(np.cumsum([0] + [len(s) for s in sp]), dtype=torch.int32)
        finish(out, name, seed, g, kind=["embedding"], texts=tx, prompts=dict(st.prompts), prompt_texts=6, **offs(tx), prompt_ids=[st.preprocess(["query: " + x])["input_ids"][0].tolist() for x in tx[:6]], prompt_length=st[0]._get_prompt_length("query: "), late_texts=lt, late_spans=sp, **{"late_" + k: x for k, x in o.items()}, pooling=mode, max_length=maxlen)
    return run

# ---------------------------------------------------------------- what kind a folder is
def kinds(out, name, rng, seed):
    """Expected by the design; where sentence-transformers has an opinion (config_sentence_transformers.json, modules.json, architectures) it is the same."""
    root = os.path.join(out, name); shutil.rmtree(root, ignore_errors=True); os.makedirs(root); exp = {}; sm = dict(size=(2, 8))
    def add(n, kind, cls, fam="bert", edit=None, **kw):
        pt, c = make(fam, rng, 32, **sm, **kw); c.num_hidden_layers = 1
        if hasattr(c, "layer_types") and c.layer_types: c.layer_types = c.layer_types[:1]
        plain_folder(os.path.join(root, n), model(cls, c, seed), pt, edit); exp[n] = kind; return os.path.join(root, n), c
    seq = T.AutoModelForSequenceClassification; no = lambda *ks: (lambda c: {k: v for k, v in legacy_config(c).items() if k not in ks})
    add("seqcls-1", ["reranker"], seq, num_labels=1); add("seqcls-3", ["classifier"], seq, num_labels=3)
    add("seqcls-nolabels", ["classifier"], seq, edit=no("id2label", "label2id", "num_labels"), num_labels=2)   # transformers' default is two labels
    add("seqcls-1-legacy-num-labels", ["reranker"], seq, edit=lambda c: {**no("id2label", "label2id")(c), "num_labels": 1}, num_labels=1)
    add("seqcls-qwen3-1", ["reranker"], seq, "qwen3", num_labels=1); add("tokencls", [], T.AutoModelForTokenClassification, num_labels=5); add("qa", [], T.AutoModelForQuestionAnswering)
    add("qa-roberta", [], T.AutoModelForQuestionAnswering, "roberta"); add("multiplechoice", [], T.AutoModelForMultipleChoice); add("mlm", ["embedding"], T.AutoModelForMaskedLM); add("pretraining", ["embedding"], T.AutoModelForPreTraining)
    add("causal-qwen3", ["embedding"], T.AutoModelForCausalLM, "qwen3"); add("bare", ["embedding"], T.AutoModel); add("bare-noarch", ["embedding"], T.AutoModel, edit=no("architectures"))
    p, c = add("modules-with-classifier", ["embedding"], T.AutoModel)   # modules.json wins over the head's weights and architectures
    shutil.move(p, p + ".t"); SentenceTransformer(modules=[Transformer(p + ".t", model_kwargs=F32), Pooling(c.hidden_size, pooling_mode="cls")], device="cpu").save_pretrained(p, create_model_card=False); shutil.rmtree(p + ".t"); legacy_folder(p, 32); os.remove(p + "/config_sentence_transformers.json")
    w = p + "/model.safetensors"; sd = load_file(w); gen = torch.Generator().manual_seed(seed); sd.update({"classifier.weight": torch.randn(1, c.hidden_size, generator=gen), "classifier.bias": torch.randn(1, generator=gen)}); save_file(sd, w, metadata={"format": "pt"})
    q = json.load(open(p + "/config.json")); q["architectures"] = ["BertForSequenceClassification"]; json.dump(q, open(p + "/config.json", "w"), indent=2)
    pt, _ = make("bert", rng, 32, **sm); n = "static"; SentenceTransformer(modules=[StaticEmbedding(pt.backend_tokenizer, embedding_weights=torch.randn(len(pt), 24, generator=gen).numpy())], device="cpu").save_pretrained(os.path.join(root, n), create_model_card=False); exp[n] = ["embedding"]
    stanford_folder(os.path.join(root, "stanford"), rng, seed); exp["stanford"] = ["multi-vector"]
    stanford_folder(os.path.join(root, "artifact-metadata"), rng, seed, "BertModel"); exp["artifact-metadata"] = ["multi-vector"]
    json.dump(exp, open(os.path.join(root, "kinds.json"), "w"), indent=1); print(f"{name:28s} {len(exp)} folders", flush=True)

Q = {"query": "query: "}; INS = {"query": "Given a question, find the passage that answers it", "fact": "Is the claim supported"}
NLI = ["entailment", "neutral", "contradiction"]
ALL = {
    "rerank-bert": reranker("bert"), "rerank-bert-tanh": reranker("bert", act=nn.Tanh()), "rerank-bert-legacy": reranker("bert", old({"sbert_ce_default_activation_function": IDENT})),
    "rerank-roberta": reranker("roberta"), "rerank-xlm-roberta": reranker("xlm-roberta", prompts=Q), "rerank-xlm-roberta-legacy": reranker("xlm-roberta", old({})), "rerank-distilbert": reranker("distilbert", act=nn.Identity()),
    "rerank-electra": reranker("electra"), "rerank-electra-legacy": reranker("electra", old({"sentence_transformers": {"version": "4.1.0", "activation_fn": IDENT}})), "rerank-albert": reranker("albert"), "rerank-mpnet": reranker("mpnet"),
    "rerank-albert-legacy": reranker("albert", old({"sbert_ce_default_activation_function": "somewhere.else.Activation"})),   # not torch: the default
    "rerank-modernbert-cls": reranker("modernbert", classifier_pooling="cls"), "rerank-modernbert-mean": reranker("modernbert", old({}), classifier_pooling="mean"), "rerank-deberta-v2": reranker("deberta-v2"),
    "rerank-gte": reranker("gte"), "rerank-gte-new": reranker("gte", lambda c: c), "rerank-nomic-bert": reranker("nomic-bert"), "rerank-eurobert": reranker("eurobert"), "rerank-eurobert-mean": reranker("eurobert", old({}), classifier_pooling="mean"), "rerank-dense-scores": dense_scores, "rerank-qwen3": reranker("qwen3", prompts=Q, default="query"), "rerank-qwen2-legacy": reranker("qwen2", old({})),
    "rerank-llama": reranker("llama"), "rerank-gemma3": reranker("gemma3"),
    "logit-qwen3": logit("qwen3", TEMPLATE, "yes", "no", INS), "logit-qwen3-default-prompt": logit("qwen3", TEMPLATE, "yes", "no", INS, "query"), "logit-qwen2-true-only": logit("qwen2", STRUCTURED, "1", None), "logit-gemma": logit("gemma", FLAG, "Yes", None, maxlen=640),
    "classify-bert-nli": classifier("bert", NLI), "classify-roberta-sentiment": classifier("roberta", ["negative", "positive"]), "classify-distilbert-multi-label": classifier("distilbert", ["anger", "joy", "fear", "love"], "multi_label_classification"),
    "sparse-bert-max": splade("bert"), "sparse-bert-sum-log1p": splade("bert", "sum", "log1p_relu"), "sparse-bert-legacy": splade("bert", legacy=True), "sparse-distilbert": splade("distilbert"), "sparse-roberta": splade("roberta", "sum"), "sparse-xlm-roberta": splade("xlm-roberta", activation="log1p_relu"),
    "sparse-modernbert": splade("modernbert"), "sparse-untied": splade("bert", tie_word_embeddings=False), "sparse-plain-mlm": splade("distilbert", plain=True), "sparse-inference-free": splade("distilbert", activation="log1p_relu", idf=True), "sparse-csr": csr, "bge-m3": bge_m3,
    "mv-bert": multi("bert", {"strategy": "fixed"}), "mv-bert-min-attend": multi("bert", {"strategy": "min", "attend": True}, tasks=["query", "document"], query_length=20, document_length=30), "mv-modernbert": multi("modernbert", skip=None, dims=(48, 20), residual=True),
    "mv-bert-pool": multi("bert", {"strategy": "fixed", "token": "[UNK]"}, pool=2.0, marks=("search query: ", "passage: "), added=False), "mv-pylate": pylate, "mv-pylate-noexpand": lambda *a: pylate(*a, expand=False), "mv-stanford": stanford,
    "tokens-bert": tokens("bert", "mean"), "tokens-bert-dense": tokens("bert", "mean", per_token=True), "tokens-xlm-roberta": tokens("xlm-roberta", "mean"), "tokens-qwen3": tokens("qwen3", "lasttoken"), "tokens-gemma3": tokens("gemma3", "mean", after=(64, 24)),
    "kinds": kinds,
}

def scrub(out, names):
    here = {os.path.join(*pathlib.Path(x).resolve().parts[:2]) + "/" for x in (out, os.getcwd(), __file__, tempfile.gettempdir(), os.path.expanduser("~"), sys.prefix)}
    for n in names:
        for p in pathlib.Path(out, n).rglob("*"):
            if p.is_file(): p.chmod(0o644)
            if p.suffix == ".json" and p.name not in ("tokenizer.json", "cases.json"):
                c = json.loads(p.read_text(encoding="utf-8")); k = [x for x in ("_name_or_path", "name_or_path") if isinstance(c, dict) and x in c]
                if k: p.write_text(json.dumps({a: b for a, b in c.items() if a not in k}, indent=2), encoding="utf-8")
            if p.name == "tokenizer.json": p.write_text(json.dumps(json.loads(p.read_text(encoding="utf-8")), ensure_ascii=False, separators=(",", ":")), encoding="utf-8")   # small
            if p.is_file() and any(len(h) > 1 and h.encode() in p.read_bytes() for h in here): raise SystemExit(f"{p} names a path of this machine")

def heads_main():
    ap = argparse.ArgumentParser(); ap.add_argument("--seed", type=int, required=True); ap.add_argument("--out", required=True); ap.add_argument("--only"); a = ap.parse_args()
    names = [n for n in ALL if not a.only or n in a.only.split(",")]; bad = []
    for n in names:
        rng = random.Random(f"{a.seed}-{n}"); seed = rng.randrange(1 << 30)
        if n != "kinds": shutil.rmtree(os.path.join(a.out, n), ignore_errors=True); os.makedirs(os.path.join(a.out, n))
        try: ALL[n](a.out, n, rng, seed)
        except Exception as e:
            import traceback; traceback.print_exc(limit=-4); bad.append(n); shutil.rmtree(os.path.join(a.out, n), ignore_errors=True)
    scrub(a.out, [n for n in names if n not in bad])
    if bad: raise SystemExit("not made: " + ", ".join(bad))
heads_main()
