"""Haystack's packages: embedders of OpenAI, Ollama, Hugging Face, Cohere, Jina and
Voyage, and the rankers of text-embeddings-inference and those that have one."""

import os

import voyageai
from haystack import Document
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.utils import Secret
from haystack_integrations.components.embedders.cohere import CohereDocumentEmbedder
from haystack_integrations.components.embedders.huggingface_api import HuggingFaceAPIDocumentEmbedder, HuggingFaceAPITextEmbedder
from haystack_integrations.components.embedders.jina import JinaDocumentEmbedder
from haystack_integrations.components.embedders.ollama import OllamaDocumentEmbedder, OllamaTextEmbedder
from haystack_integrations.components.embedders.voyage_embedders import VoyageDocumentEmbedder
from haystack_integrations.components.rankers.cohere import CohereRanker
from haystack_integrations.components.rankers.huggingface_api import HuggingFaceTEIRanker
from haystack_integrations.components.rankers.jina import JinaRanker
from haystack_integrations.components.rankers.voyage import VoyageRanker

from common import check, documents, ranking, texts, url, vectors

key = Secret.from_token("sesame")


def embedded(embedder):
    """The vectors that a component makes of documents of the texts."""
    return [d.embedding for d in embedder.run([Document(content=t, id=str(i)) for i, t in enumerate(texts)])["documents"]]


def ranked(ranker):
    """The documents' places and scores. Empty texts are not ranked by all of them."""
    return [[int(d.id), d.score] for d in ranker.run(query=texts[0], documents=[Document(content=t, id=str(i)) for i, t in enumerate(texts)])["documents"]]


check("haystack, openai", lambda: embedded(OpenAIDocumentEmbedder(model="tiny", api_base_url=url + "/v1", api_key=key)))
check("haystack, openai, a text", lambda: [OpenAITextEmbedder(model="tiny", api_base_url=url + "/v1", api_key=key).run(texts[0])["embedding"]], vectors[:1])

os.environ["OLLAMA_API_KEY"] = "sesame"  # they have no field for the key
check("haystack, ollama", lambda: embedded(OllamaDocumentEmbedder(model="tiny", url=url)))
check("haystack, ollama, a text", lambda: [OllamaTextEmbedder(model="tiny", url=url).run(texts[0])["embedding"]], vectors[:1])

at = dict(api_type="text_embeddings_inference", api_params={"url": url}, token=key)
check("haystack, huggingface", lambda: embedded(HuggingFaceAPIDocumentEmbedder(normalize=True, **at)))
check("haystack, huggingface, a text", lambda: [HuggingFaceAPITextEmbedder(normalize=True, **at).run(texts[0])["embedding"]], vectors[:1])

check("haystack, cohere", lambda: embedded(CohereDocumentEmbedder(model="tiny", api_key=key, api_base_url=url)), documents)
check("haystack, jina", lambda: embedded(JinaDocumentEmbedder(model="tiny", api_key=key, base_url=url + "/v1/embeddings", task="retrieval.passage")), documents)
voyage = VoyageDocumentEmbedder(model="tiny", api_key=key, input_type="document")
voyage._client = voyage._async_client = voyageai.Client(api_key="sesame", base_url=url + "/v1")  # it has no field for the address
check("haystack, voyage", lambda: embedded(voyage), documents)

check("haystack, cohere, rerank", lambda: ranked(CohereRanker(model="cross", api_key=key, api_base_url=url)), ranking)
check("haystack, jina, rerank", lambda: ranked(JinaRanker(model="cross", api_key=key, base_url=url + "/v1/rerank")), ranking)
voyage = VoyageRanker(model="cross", api_key=key)
voyage._client = voyage._async_client = voyageai.Client(api_key="sesame", base_url=url + "/v1")
check("haystack, voyage, rerank", lambda: ranked(voyage), ranking)
check("haystack, text-embeddings-inference, rerank", lambda: ranked(HuggingFaceTEIRanker(url=url, token=key)), ranking)
