"""As clients.py, with the clients of Ollama, Cohere, Voyage, Hugging Face and Azure,
which speak dialects of their own. The documents' vectors are those with the model's
prompt for documents."""

import base64
import json
import struct
import sys

import cohere
import huggingface_hub
import ollama
import openai
import voyageai

url, file = sys.argv[1:]
with open(file) as f:
    expected = json.load(f)
texts, tokens = expected["texts"], expected["tokens"]
vectors = [base64.b64decode(v) for v in expected["vectors"]]
documents = [base64.b64decode(v) for v in expected["documents"]]
ranking = expected["ranking"]


def bits(vector):
    """The bytes of a vector as float32, which has to hold each number's value."""
    return struct.pack(f"<{len(vector)}f", *vector)


def check(name, got, want=vectors):
    if got != want:
        sys.exit(f"{name}: not the library's")
    print(name, "ok")


def fails(kind, message, call):
    try:
        call()
        sys.exit(f"no {message}")
    except kind as e:
        assert message in str(e), e


client = ollama.Client(host=url, headers={"Authorization": "Bearer sesame"})
answer = client.embed(model="tiny:latest", input=texts, keep_alive=60, options=ollama.Options(temperature=0))
check("ollama", [bits(v) for v in answer.embeddings])
assert answer.prompt_eval_count == tokens and answer.total_duration > 0
check("ollama, a prompt", bits(client.embeddings(model="tiny", prompt=texts[0]).embedding), vectors[0])
assert len(client.embed(model="tiny", input="").embeddings) == 0
assert "tiny" in [m.model for m in client.list().models] and "tiny" in [m.model for m in client.ps().models]
assert client.show("tiny").capabilities == ["embedding"]
fails(ollama.ResponseError, "not found", lambda: client.embed(model="none", input="a"))
fails(ollama.ResponseError, "exceeds the context length", lambda: client.embed(model="tiny", input="a " * 100, truncate=False))

client = cohere.ClientV2(api_key="sesame", base_url=url)
answer = client.embed(model="tiny", texts=texts, input_type="search_document", embedding_types=["float", "int8", "base64"])
check("cohere", [bits(v) for v in answer.embeddings.float_], documents)
check("cohere, base64", [base64.b64decode(v) for v in answer.embeddings.base64], documents)
assert answer.texts == texts and answer.meta.billed_units.input_tokens > tokens
old = cohere.Client(api_key="sesame", base_url=url)
answer = old.embed(model="tiny", texts=texts)
check("cohere, version 1", [bits(v) for v in answer.embeddings])
assert answer.response_type == "embeddings_floats"
answer = old.embed(model="tiny", texts=texts, input_type="search_document", embedding_types=["float"])
check("cohere, version 1 by type", [bits(v) for v in answer.embeddings.float_], documents)
fails(cohere.NotFoundError, "is not served here", lambda: client.embed(model="none", texts=["a"], input_type="search_query"))

client = voyageai.Client(api_key="sesame", base_url=url + "/v1")
answer = client.embed(texts, model="tiny")
check("voyageai", [bits(v) for v in answer.embeddings])
assert answer.total_tokens == tokens
check("voyageai, documents", [bits(v) for v in client.embed(texts, model="tiny", input_type="document").embeddings], documents)
check("voyageai, int8", [list(map(int, v)) for v in client.embed(texts, model="tiny", output_dtype="int8").embeddings], expected["int8"])
answer = client.rerank(texts[0], texts, model="cross")
check("voyageai, rerank", [[r.index, struct.unpack("<f", struct.pack("<f", r.relevance_score))[0]] for r in answer.results], ranking)
assert answer.total_tokens == expected["rankingTokens"]
fails(voyageai.error.InvalidRequestError, "model reads", lambda: client.embed(["a " * 100], model="tiny", truncation=False))
fails(voyageai.error.AuthenticationError, "API key", lambda: voyageai.Client(api_key="wrong", base_url=url + "/v1").embed(texts, model="tiny"))

for path in ["/models/tiny/pipeline/feature-extraction", "/models/tiny"]:
    client = huggingface_hub.InferenceClient(model=url + path, token="sesame")
    check("huggingface_hub, " + path, [v.tobytes() for v in client.feature_extraction(texts, normalize=True)])
client = huggingface_hub.InferenceClient(model=url + "/models/tiny/pipeline/sentence-similarity", token="sesame")
assert abs(client.sentence_similarity(texts[0], other_sentences=[texts[0], texts[1]])[0] - 1) < 1e-6
fails(huggingface_hub.errors.HfHubHTTPError, "422", lambda: client.feature_extraction(""))

client = openai.AzureOpenAI(azure_endpoint=url, api_version="2024-10-21", api_key="sesame", max_retries=0)
check("azure", [bits(d.embedding) for d in client.embeddings.create(model="tiny", input=texts).data])
client = openai.AzureOpenAI(azure_endpoint=url, azure_deployment="tiny", api_version="2024-10-21", api_key="sesame", max_retries=0)
check("azure, by path", [bits(d.embedding) for d in client.embeddings.create(model="text-embedding-3-small", input=texts).data])
fails(openai.NotFoundError, "none", lambda: openai.AzureOpenAI(azure_endpoint=url, api_version="1", api_key="sesame", max_retries=0).embeddings.create(model="none", input="a"))
