"""python flagllm.py ../heads/logit-gemma: what FlagEmbedding's FlagLLMReranker makes of the causal model alone: flag.json.

Its tokens, as inference/reranker/decoder_only/base.py has them: the one that begins a text, "A: " and the query, a line feed,
"B: " and the document, a line feed and the question, each by itself; the score is the logit of "Yes" behind them. A query has at most
384 tokens and a document 512; a pair of which something was cut, there or where the model's own template is, is null."""
import json, pathlib, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

QUESTION = "Given a query A and a passage B, determine whether the passage contains an answer to the query by providing a prediction of either 'Yes' or 'No'."
folder = pathlib.Path(sys.argv[1])
cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
tokenizer = AutoTokenizer.from_pretrained(folder / "model")
model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32).eval()
ids = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]


def score(query, document):
    a, b, line, question = ids("A: " + query), ids("B: " + document), ids("\n"), ids(QUESTION)
    row = [tokenizer.bos_token_id] + a + line + b + line + question
    if len(a) > 384 or len(b) > 512 or len(row) > min(512 + 2 * len(line + question), cases["max_length"]):
        return None
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row])).logits[0, -1]
    return float("%.9g" % logits[ids("Yes")[0]])


scores = [score(q, d) for q in cases["queries"] for d in cases["documents"]]
(folder / "flag.json").write_text(json.dumps({"scores": scores}), encoding="utf-8")
print(len(scores), "scores,", scores.count(None), "of cut pairs")
