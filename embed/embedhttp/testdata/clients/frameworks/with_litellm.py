"""litellm by its providers: each speaks another service's dialect."""

import os

from common import check, documents, fails, ranking, texts, url, vectors

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # which it asks the network for else
import litellm

litellm.suppress_debug_info = True
v1 = url + "/v1"
for provider, base, fields in [
    ("openai", v1, {}),
    ("azure", url, {"api_version": "2024-10-21"}),
    ("ollama", url, {}),
    ("cohere", url + "/v2/embed", {"input_type": "search_document"}),
    ("cohere", url + "/v1/embed", {"input_type": "search_document"}),
    ("voyage", v1, {}),
    ("jina_ai", v1, {}),
    ("mistral", v1, {}),
    ("huggingface", url + "/embed", {"input_type": "feature-extraction"}),
    ("huggingface", url + "/models/tiny", {"input_type": "feature-extraction"}),
    ("hosted_vllm", v1, {}),
    ("infinity", url, {}),
    ("lm_studio", v1, {}),
    ("openai_like", v1, {}),
    ("together_ai", v1, {}),
]:
    ask = dict(model=provider + "/tiny", input=texts, api_base=base, api_key="sesame", num_retries=0, **fields)
    check(f"litellm, {provider} at {base.removeprefix(url) or '/'}", lambda: [d["embedding"] for d in litellm.embedding(**ask).data], documents if provider == "cohere" else vectors)
    if provider != "huggingface":  # which names no model
        ask["model"] = provider + "/none"
        fails(f"litellm, {provider}, no model", "none", lambda: litellm.embedding(**ask))

for provider, base, fields in [
    ("cohere", url, {}),
    ("voyage", v1, {}),
    ("jina_ai", v1, {}),
    ("hosted_vllm", url, {}),
    ("infinity", url, {"return_documents": False}),
    ("together_ai", v1, {}),
    ("huggingface", url, {}),
]:
    ask = dict(model=provider + "/cross", query=texts[0], documents=texts, api_base=base, api_key="sesame", num_retries=0, **fields)
    check(f"litellm, {provider}, rerank", lambda: [[r["index"], r["relevance_score"]] for r in litellm.rerank(**ask).results], ranking)
