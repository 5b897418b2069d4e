"""Asks the service at sys.argv[1] with the vendors' Python clients, and compares
with the answers of sys.argv[2]: JSON of texts, float32 vectors in base64, int8
vectors, token counts, the tokenizer.json and the vectors of a model that reads
OpenAI's tokens, and the texts by their scores for the first one as a query, with
the tokens of all pairs."""

import base64
import hashlib
import json
import os
import struct
import sys
import urllib.request

import cohere
import openai
from langchain_openai import OpenAIEmbeddings
from mistralai.client import Mistral
from mixedbread import Mixedbread

url, file = sys.argv[1:]
with open(file) as f:
    expected = json.load(f)
texts, tokens = expected["texts"], expected["tokens"]
vectors = [base64.b64decode(v) for v in expected["vectors"]]


def bits(vector):
    """The bytes of a vector as float32, which has to hold each number's value."""
    return struct.pack(f"<{len(vector)}f", *vector)


def check(name, got, want=vectors):
    if got != want:
        sys.exit(f"{name}: not the library's vectors")
    print(name, "ok")


client = openai.OpenAI(base_url=url + "/v1", api_key="sesame", max_retries=0)
answer = client.embeddings.create(model="tiny", input=texts)  # asks for base64
check("openai", [bits(d.embedding) for d in answer.data])
assert answer.usage.prompt_tokens == answer.usage.total_tokens == tokens and answer.model == "tiny"
answer = client.embeddings.create(model="tiny", input=texts, encoding_format="float")
check("openai, float", [bits(d.embedding) for d in answer.data])
answer = client.embeddings.create(model="tiny", input=texts[0], dimensions=8)
assert len(answer.data[0].embedding) == 8
assert client.models.list().data[0].id == "tiny" and client.models.retrieve("org/tiny").id == "tiny"
for kind, code, ask in [
    (openai.NotFoundError, "model_not_found", dict(model="none", input="a")),
    (openai.BadRequestError, "invalid_input", dict(model="tiny", input="")),
    (openai.BadRequestError, "invalid_dimensions", dict(model="tiny", input="a", dimensions=25)),
    (openai.BadRequestError, "unknown_parameter", dict(model="tiny", input="a", extra_body={"nope": 1})),
]:
    try:
        client.embeddings.create(**ask)
        sys.exit(f"openai: no {code}")
    except kind as e:
        assert e.code == code, e.code
try:
    openai.OpenAI(base_url=url + "/v1", api_key="wrong").models.list()
    sys.exit("openai: no invalid_api_key")
except openai.AuthenticationError as e:
    assert e.code == "invalid_api_key", e.code
print("openai, errors ok")

with Mistral(api_key="sesame", server_url=url) as mistral:
    answer = mistral.embeddings.create(model="tiny", inputs=texts)
    check("mistralai", [bits(d.embedding) for d in answer.data])
    assert answer.usage.prompt_tokens == tokens and answer.object == "list" and answer.id
    answer = mistral.embeddings.create(model="tiny", inputs=texts, output_dtype="int8")
    check("mistralai, int8", [list(map(int, d.embedding)) for d in answer.data], expected["int8"])

mixedbread = Mixedbread(api_key="sesame", base_url=url)
answer = mixedbread.embed(model="tiny", input=texts, normalized=True, encoding_format="float")
check("mixedbread", [bits(d.embedding) for d in answer.data])
assert answer.normalized and answer.encoding_format == "float" and answer.dimensions == 24
answer = mixedbread.embed(model="tiny", input=texts, encoding_format=["float", "int8", "base64"])
check("mixedbread, several formats", [bits(d.embedding.float) for d in answer.data])
check("mixedbread, int8", [d.embedding.int8 for d in answer.data], expected["int8"])

chain = OpenAIEmbeddings(model="tiny", base_url=url + "/v1", api_key="sesame", check_embedding_ctx_length=False)
check("langchain-openai", [bits(v) for v in chain.embed_documents(texts)])


def put_vocabulary(tokenizer, folder):
    """Puts cl100k_base where tiktoken looks before it asks the network, made from
    its tokenizer.json. tiktoken checks that it is what OpenAI published."""
    with open(tokenizer) as f:
        vocabulary = json.load(f)["model"]["vocab"]
    # The characters that stand for bytes (GPT-2's encoder.py).
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printed]
    byte = {chr(b): b for b in printed} | {chr(256 + i): b for i, b in enumerate(others)}
    url = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
    os.mkdir(folder)
    with open(os.path.join(folder, hashlib.sha1(url.encode()).hexdigest()), "wb") as f:
        for piece, token in sorted(vocabulary.items(), key=lambda entry: entry[1]):
            f.write(base64.b64encode(bytes(byte[c] for c in piece)) + b" %d\n" % token)
    os.environ["TIKTOKEN_CACHE_DIR"] = folder


put_vocabulary(expected["tokenizer"], "tiktoken")
chain = OpenAIEmbeddings(model="cl100k", base_url=url + "/v1", api_key="sesame")  # sends tokens
check("langchain-openai, tokens", [bits(v) for v in chain.embed_documents(texts)], [base64.b64decode(v) for v in expected["cl100k"]])
chain = OpenAIEmbeddings(model="tiny", base_url=url + "/v1", api_key="sesame")  # whose tokens those are not
try:
    chain.embed_documents(texts)
    sys.exit("langchain-openai: another tokenizer's tokens are taken")
except openai.BadRequestError as e:
    assert e.code == "invalid_input" and "check_embedding_ctx_length=False" in e.message, e


def scores(results):
    """Index and score, rounded to the float32 that it is."""
    return [[r.index, struct.unpack("<f", struct.pack("<f", r.relevance_score))[0]] for r in results]


ranking, query = expected["ranking"], dict(model="cross", query=texts[0], documents=texts)
client = cohere.ClientV2(api_key="sesame", base_url=url)
answer = client.rerank(**query)
check("cohere, rerank", scores(answer.results), ranking)
assert answer.id and answer.meta.tokens.input_tokens == expected["rankingTokens"]
answer = client.rerank(**query, top_n=2, max_tokens_per_doc=4096, priority=1)
check("cohere, the best two", scores(answer.results), ranking[:2])
old = cohere.Client(api_key="sesame", base_url=url)
answer = old.rerank(**query | {"documents": [{"text": t} for t in texts]}, return_documents=True, rank_fields=["text"])
check("cohere, version 1", scores(answer.results), ranking)
assert [r.document.text for r in answer.results] == [texts[i] for i, _ in ranking]
for kind, code, ask in [
    (cohere.NotFoundError, "is not served here", dict(model="none", query="a", documents=["b"])),
    (cohere.BadRequestError, "an embedding model", dict(model="tiny", query="a", documents=["b"])),
    (cohere.BadRequestError, "an empty list", dict(model="cross", query="a", documents=[])),
]:
    try:
        client.rerank(**ask)
        sys.exit(f"cohere: no {code}")
    except kind as e:
        assert code in e.body["message"], e.body
try:
    cohere.ClientV2(api_key="wrong", base_url=url).rerank(**query)
    sys.exit("cohere: no invalid_api_key")
except cohere.UnauthorizedError as e:
    assert "API key" in e.body["message"], e.body
print("cohere, errors ok")

# Jina has no client; this is its documentation's request.
body = json.dumps(query | {"top_n": 3, "return_documents": True}).encode()
request = urllib.request.Request(url + "/v1/rerank", body, {"Content-Type": "application/json", "Authorization": "Bearer sesame"})
with urllib.request.urlopen(request) as response:
    answer = json.load(response)
assert answer["model"] == "cross" and answer["usage"]["total_tokens"] == expected["rankingTokens"]
assert [(r["index"], r["document"]["text"]) for r in answer["results"]] == [(i, texts[i]) for i, _ in ranking[:3]]
print("jina's form ok")
