"""Makes testdata/chats/*/: folders whose texts pass through a chat template, as changes to chats/model, and what
sentence-transformers makes of them. Run it in testdata; chats/model has random weights."""

import json
import shutil
import tempfile
from pathlib import Path

from sentence_transformers import SentenceTransformer

HERE = Path(__file__).resolve().parent.parent / "chats"

TEXTS = [
    "a short text", "a", "0", " blanks around ", "two\nlines\n", "Grüße aus Zürich, 東京 🙂", "<|im_end|>", "{{ messages }}",
    "https://example.org/a.png", "one word " * 3, "a long text that goes on " * 8, "x" * 200, "ends in digits 1 2 3 4",
]
PROMPT = "Represent the text"

TASK = """{%- for m in messages -%}
{%- if m.role == 'system' -%}<|im_start|>{{ m.content[0].text | trim }}<|im_end|>{%- else -%}
<|im_start|>{{ m['role'] }}: {% for c in m.content %}{% if c['type'] == 'text' %}{{ c.text | trim }}{% endif %}{% endfor %}<|im_end|>
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|im_start|>{{ voice }}{{ eos_token }}{%- endif -%}
{%- if task is defined and task == 'query' -%}?{%- endif -%}"""

FORWARD = {"method": "forward", "method_output_name": "last_hidden_state"}


def settings(**more):
    return json.dumps({"transformer_task": "feature-extraction", "module_output_name": "token_embeddings", **more})


def pooling(mode, prompt):
    return json.dumps({"embedding_dimension": 32, "pooling_mode": mode, "include_prompt": prompt})


def flat(template, **more):
    return {"chat_template.jinja": template,
            "sentence_bert_config.json": settings(modality_config={"text": FORWARD, "message": {**FORWARD, "format": "flat"}}, **more)}


# The files that a folder has instead of the model's; None: it lacks that one.
FOLDERS = {
    "last": {"tokenizer_config.json": {"model_max_length": 48}},
    "plain": {"modules.json": None, "sentence_bert_config.json": None, "config_sentence_transformers.json": None,
              "1_Pooling/config.json": None, "config.json": {"architectures": ["Qwen3ForCausalLM"]}},
    "task": {"chat_template.jinja": TASK, "1_Pooling/config.json": pooling("mean", False),
             "tokenizer_config.json": {"model_max_length": 60},
             "sentence_bert_config.json": settings(
                 modality_config={"text": FORWARD, "message": {**FORWARD, "format": "structured"}},
                 processing_kwargs={"chat_template": {"add_generation_prompt": True, "voice": "assistant"}})},
    "left": {"tokenizer_config.json": {"model_max_length": 40, "truncation_side": "left"}, "1_Pooling/config.json": pooling("cls", True)},
    "bare-tail": {**flat("{% for m in messages %}{{ m.content }}{% endfor %}<|im_end|>end",
                         processing_kwargs={"chat_template": {"restore_suffix": False}}),
                  "tokenizer_config.json": {"model_max_length": 30}},
    "detected": {"chat_template.jinja": "{% for m in messages %}<|im_start|>{{ m.role }}{{ m['content'][0]['text'] }}{{ m.content[0].type }}{% endfor %}",
                 "sentence_bert_config.json": settings(modality_config={"text": FORWARD, "message": {**FORWARD, "format": "auto"}})},
}


def build(folder, changes):
    shutil.copytree(HERE / "model", folder, dirs_exist_ok=True)
    for name, content in changes.items():
        file = folder / name
        if content is None:
            file.unlink()
        elif isinstance(content, dict):
            file.write_text(json.dumps({**json.loads(file.read_text()), **content}))
        else:
            file.write_text(content)


def main():
    answers = {}
    for name, changes in FOLDERS.items():
        with tempfile.TemporaryDirectory() as folder:
            build(Path(folder), changes)
            model = SentenceTransformer(folder, device="cpu")
        cases = []
        for way, task, prompt in [("plain", None, None), ("prompted", None, PROMPT), ("query", "query", None)]:
            texts = TEXTS if way != "query" else TEXTS[:3]
            features = [model.preprocess([t], prompt=prompt, **({"task": task} if task else {})) for t in texts]
            vectors = (model.encode_query if task else model.encode)(texts, **({"prompt": prompt} if prompt else {}))
            cases.append({"way": way, "prompt": prompt or "", "name": task or "", "texts": texts,
                          "ids": [f["input_ids"][0].tolist() for f in features],
                          "embeddings": [[round(float(x), 6) for x in v] for v in vectors]})
        answers[name] = {"files": changes, "cases": cases}
    (HERE / "answers.json").write_text(json.dumps(answers, ensure_ascii=False))


main()
