"""Writes renders.json and expressions.json: what transformers 5.23.0 with
jinja2 3.1.6 makes of the templates of ../templates and of short ones.

    pip install transformers==5.23.0 jinja2==3.1.6
    python generate.py
"""
import json
from pathlib import Path

from transformers.utils.chat_template_utils import render_jinja_template

HERE = Path(__file__).parent
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
LONG = "Zeile eins\nZeile zwei\r\n\n  „Zitat“ und 'noch' \"eins\" \\ {{ kein }} {% tag %} <|im_end|> 東京 😀 e\u0301 \u2028 Ende \t "


def chats():
    def m(*pairs):
        return [{"role": r, "content": c} for r, c in pairs]
    yield "pair", m(("query", "what is it?"), ("document", "It is this.\nAnd that."))
    yield "pair-system", m(("system", " Judge \"it\" "), ("query", "naïve \u00a0 q'uery"), ("document", LONG))
    yield "filler-1", m(("system", "Judge"), ("query", "0"), ("document", "0"))
    yield "filler-2", m(("system", "Judge"), ("query", "1 2 3 4"), ("document", "1 2 3 4"))
    yield "pair-empty", m(("query", ""), ("document", ""))
    yield "user", m(("user", "  hi  \n"))
    yield "turns", m(("system", "Be brief."), ("user", LONG), ("assistant", "<think>\nhm\n</think>\n\nwell"), ("user", "and?"))
    yield "assistant-last", m(("user", "a"), ("assistant", "<think>x</think>y"), ("tool", "t1"), ("tool", "t2"), ("assistant", "z"))
    yield "five", m(*[("user", str(i)) for i in range(5)])


def structured(chat):
    return [{**m, "content": [{"type": "text", "text": m["content"]}]} for m in chat]


def render(source, chat, **kwargs):
    try:
        return {"want": render_jinja_template([chat], chat_template=source, **kwargs)[0][0]}
    except Exception as e:
        return {"error": f"{type(e).__name__}: {e}"[:200]}


EXPRESSIONS = (HERE / "expressions.txt").read_text().split("\n%%\n")

renders = []
for path in sorted((HERE / "../templates").glob("*.jinja")):
    source = path.read_bytes().decode()
    for name, chat in chats():
        for form in "flat", "structured":
            for prompt in False, True:
                c = chat if form == "flat" else structured(chat)
                renders.append({"template": path.name, "chat": name, "format": form, "prompt": prompt,
                                **render(source, c, add_generation_prompt=prompt, **TOKENS)})


def dropped(source, form):
    """The roles that sentence-transformers 6.2's pair_roles_failure finds missing; None where the template raises."""
    texts = []
    for q, d in ("alpha", "bravo"), ("charlie", "bravo"), ("alpha", "foxtrot"):
        chat = [{"role": "query", "content": q}, {"role": "document", "content": d}]
        texts.append(render(source, chat if form == "flat" else structured(chat), **TOKENS).get("want"))
    return None if None in texts else [r for r, t in zip(("query", "document"), texts[1:]) if t == texts[0]]


pairs = [{"template": p.name, "format": form, "dropped": dropped(p.read_bytes().decode(), form)}
         for p in sorted((HERE / "../templates").glob("*.jinja")) for form in ("flat", "structured")]
plain = {name: [[m["role"], m["content"]] for m in chat] for name, chat in chats()}
(HERE / "../renders.json").write_text(json.dumps({"chats": plain, "pairs": pairs, "cases": renders}, ensure_ascii=False, indent=0) + "\n")

CHAT = [{"role": "query", "content": LONG}, {"role": "document", "content": "Ünï code\n"}]
expressions = [{"source": s, **render(s, CHAT, **TOKENS)} for s in EXPRESSIONS]
(HERE / "../expressions.json").write_text(json.dumps({"messages": [[m["role"], m["content"]] for m in CHAT], "cases": expressions}, ensure_ascii=False, indent=0) + "\n")
print(len(renders), sum("error" in r for r in renders), len(expressions), sum("error" in r for r in expressions))
