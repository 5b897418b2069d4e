"""LlamaIndex's packages: embeddings of Ollama, text-embeddings-inference, OpenAI-like
services, Cohere, Jina and Voyage, and the rerankers of text-embeddings-inference, Cohere,
Jina and Voyage."""

import os
import shutil
from pathlib import Path

from common import check, documents, expected, ranking, texts, url, vectors

# Its embeddings of Voyage count tokens, for batches, by the tokenizer that Hugging Face's hub
# has under the model's name: a cache of the hub has one here.
hub = Path("hub").absolute()
repository = hub / "models--voyageai--tiny"
commit = "0" * 40
(repository / "snapshots" / commit).mkdir(parents=True)
(repository / "refs").mkdir()
(repository / "refs" / "main").write_text(commit)
shutil.copy(expected["tokenizer"], repository / "snapshots" / commit / "tokenizer.json")
os.environ |= {"HF_HUB_CACHE": str(hub), "HF_HUB_OFFLINE": "1"}

import voyageai
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.embeddings.cohere import CohereEmbedding
from llama_index.embeddings.jinaai import JinaEmbedding
from llama_index.embeddings.ollama import OllamaEmbedding
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.embeddings.text_embeddings_inference import TextEmbeddingsInference
from llama_index.embeddings.voyageai import VoyageEmbedding
from llama_index.postprocessor.cohere_rerank import CohereRerank
from llama_index.postprocessor.jinaai_rerank import JinaRerank
from llama_index.postprocessor.tei_rerank import TextEmbeddingInference
from llama_index.postprocessor.voyageai_rerank import VoyageAIRerank

# Both of these strip texts, and empty ones are refused.
written = [t for t in texts if t.strip()]
of_written = [v for t, v in zip(texts, vectors) if t.strip()]
model = OllamaEmbedding(model_name="tiny", base_url=url, client_kwargs={"headers": {"Authorization": "Bearer sesame"}})
check("llama-index, ollama", lambda: model.get_text_embedding_batch(written), of_written)
check("llama-index, ollama, a query", lambda: [model.get_query_embedding(texts[0])], vectors[:1])

# It takes the name of a model for that of an instruction, which unknown models do not have.
model = TextEmbeddingsInference(model_name="tiny", base_url=url, auth_token="sesame")
check("llama-index, text-embeddings-inference", lambda: model.get_text_embedding_batch(written), of_written)
check("llama-index, text-embeddings-inference, a query", lambda: [model.get_query_embedding(texts[0])], vectors[:1])

model = OpenAILikeEmbedding(model_name="tiny", api_base=url + "/v1", api_key="sesame", max_retries=0)
check("llama-index, openai-like", lambda: model.get_text_embedding_batch(texts))

# It takes names of Cohere's own models alone: an alias is one.
model = CohereEmbedding(model_name="embed-multilingual-v3.0", api_key="sesame", base_url=url, input_type="search_document")
check("llama-index, cohere", lambda: model.get_text_embedding_batch(texts), documents)

model = JinaEmbedding(model="tiny", api_key="sesame", task="retrieval.passage")
model._api.api_url = url + "/v1/embeddings"  # what it takes as base_url it drops
check("llama-index, jina", lambda: model.get_text_embedding_batch(texts), documents)

model = VoyageEmbedding(model_name="tiny", voyage_api_key="sesame", truncation=True)
model._client = voyageai.Client(api_key="sesame", base_url=url + "/v1")  # it has no field for the address
check("llama-index, voyage", lambda: model.get_text_embedding_batch(texts), documents)

nodes = [NodeWithScore(node=TextNode(text=t, id_=str(i))) for i, t in enumerate(texts)]


def ranked(ranker):
    return [[int(n.node.node_id), n.score] for n in ranker.postprocess_nodes(nodes, query_str=texts[0])]


check("llama-index, cohere, rerank", lambda: ranked(CohereRerank(model="cross", api_key="sesame", base_url=url, top_n=len(texts))), ranking)
check("llama-index, jina, rerank", lambda: ranked(JinaRerank(model="cross", api_key="sesame", base_url=url + "/v1", top_n=len(texts))), ranking)
ranker = VoyageAIRerank(model="cross", api_key="sesame", top_n=len(texts))
ranker._client = voyageai.Client(api_key="sesame", base_url=url + "/v1")  # it has no field for the address
check("llama-index, voyage, rerank", lambda: ranked(ranker), ranking)
check("llama-index, text-embeddings-inference, rerank", lambda: ranked(TextEmbeddingInference(base_url=url, auth_token="Bearer sesame", top_n=len(texts))), ranking)
