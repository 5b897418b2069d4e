"""LangChain's packages for Ollama and Cohere. That for OpenAI is in clients.py."""

from langchain_cohere import CohereEmbeddings, CohereRerank
from langchain_core.documents import Document
from langchain_ollama import OllamaEmbeddings

from common import check, documents, fails, ranking, texts, url, vectors

headers = {"headers": {"Authorization": "Bearer sesame"}}
chain = OllamaEmbeddings(model="tiny", base_url=url, client_kwargs=headers, validate_model_on_init=True)
check("langchain-ollama", lambda: chain.embed_documents(texts))
check("langchain-ollama, a query", lambda: [chain.embed_query(texts[0])], vectors[:1])
chain = OllamaEmbeddings(model="tiny", base_url=url, client_kwargs=headers, keep_alive=60, num_ctx=32, temperature=0.5)
check("langchain-ollama, options", lambda: chain.embed_documents(texts))
fails("langchain-ollama, no model", "not found", lambda: OllamaEmbeddings(model="none", base_url=url, client_kwargs=headers).embed_documents(texts))

chain = CohereEmbeddings(model="tiny", cohere_api_key="sesame", base_url=url)
check("langchain-cohere", lambda: chain.embed_documents(texts), documents)
ranker = CohereRerank(model="cross", cohere_api_key="sesame", base_url=url, top_n=None)
check("langchain-cohere, rerank", lambda: [[r["index"], r["relevance_score"]] for r in ranker.rerank(texts, texts[0])], ranking)
check(
    "langchain-cohere, compress",
    lambda: [[d.metadata["n"], d.metadata["relevance_score"]] for d in ranker.compress_documents([Document(t, metadata={"n": i}) for i, t in enumerate(texts)], texts[0])],
    ranking,
)
