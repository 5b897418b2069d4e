"""POST /v1/embeddings with sentence-transformers behind FastAPI:
sentence_transformers_server.py MODEL-FOLDER. One request is computed at a time,
with all cores: that was faster than FastAPI's own pool of threads."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(sys.argv[1], device="cpu")
worker = ThreadPoolExecutor(1)
app = FastAPI()


class Request(BaseModel):
    model: str
    input: str | list[str]
    encoding_format: str = "float"


def embed(texts):
    tokens = sum(len(ids) for ids in model.tokenizer(texts, truncation=True)["input_ids"])
    return model.encode(texts, normalize_embeddings=True).tolist(), tokens


@app.post("/v1/embeddings")
async def embeddings(request: Request):
    texts = [request.input] if isinstance(request.input, str) else request.input
    vectors, tokens = await asyncio.get_running_loop().run_in_executor(worker, embed, texts)
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    return {"object": "list", "data": data, "model": request.model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


uvicorn.run(app, host="127.0.0.1", port=8099, log_level="error")
