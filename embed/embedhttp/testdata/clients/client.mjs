// As clients.py, with the clients of OpenAI, Ollama, Cohere and Voyage for JavaScript,
// and LangChain's packages of three of them.
import { readFileSync } from "node:fs";
import { CohereEmbeddings } from "@langchain/cohere";
import { OllamaEmbeddings } from "@langchain/ollama";
import { OpenAIEmbeddings } from "@langchain/openai";
import { CohereClient, CohereClientV2, CohereError } from "cohere-ai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { VoyageAIClient, VoyageAIError } from "voyageai";

const [url, file] = process.argv.slice(2);
const expected = JSON.parse(readFileSync(file));
const { texts, vectors, documents, ranking } = expected;
const bits = vector => Buffer.from(new Float32Array(vector).buffer).toString("base64");

function check(name, got, want = vectors) {
  const encoded = got.map(bits);
  if (JSON.stringify(encoded) !== JSON.stringify(want)) throw new Error(`${name}: not the library's vectors`);
  console.log(name, "ok");
}

// Results are an index and a score, which is a float32 in any form.
function checkRanking(name, results) {
  const got = results.map(r => [r.index, Math.fround(r.relevanceScore)]);
  if (JSON.stringify(got) !== JSON.stringify(ranking.map(([i, s]) => [i, Math.fround(s)]))) throw new Error(`${name}: not the library's ranking`);
  console.log(name, "ok");
}

async function fails(name, call, right) {
  try {
    await call();
  } catch (e) {
    if (right(e)) return;
    throw e;
  }
  throw new Error(`${name}: no error`);
}

const client = new OpenAI({ baseURL: url + "/v1", apiKey: "sesame", maxRetries: 0 });
for (const options of [{}, { encoding_format: "float" }]) {
  const answer = await client.embeddings.create({ model: "tiny", input: texts, ...options });
  check("openai", answer.data.map(d => d.embedding));
  if (answer.usage.prompt_tokens !== expected.tokens) throw new Error("usage");
}
await fails("openai", () => client.embeddings.create({ model: "none", input: "a" }), e => e instanceof OpenAI.NotFoundError && e.code === "model_not_found");

const ollama = new Ollama({ host: url, headers: { Authorization: "Bearer sesame" } });
check("ollama", (await ollama.embed({ model: "tiny", input: texts, keep_alive: "5m" })).embeddings);
if (!(await ollama.list()).models.some(m => m.name === "tiny")) throw new Error("ollama: models");
await fails("ollama", () => ollama.embed({ model: "none", input: "a" }), e => e.status_code === 404 && e.message.includes("not found"));

const cohere = new CohereClientV2({ token: "sesame", environment: url });
const typed = await cohere.embed({ model: "tiny", texts, inputType: "search_document", embeddingTypes: ["float", "int8"] });
check("cohere", typed.embeddings.float, documents);
const first = new CohereClient({ token: "sesame", environment: url });
check("cohere, version 1", (await first.embed({ model: "tiny", texts })).embeddings);
checkRanking("cohere, rerank", (await cohere.rerank({ model: "cross", query: texts[0], documents: texts })).results);
checkRanking("cohere, version 1, rerank", (await first.rerank({ model: "cross", query: texts[0], documents: texts, returnDocuments: true })).results);
await fails("cohere", () => cohere.embed({ model: "none", texts, inputType: "search_query", embeddingTypes: ["float"] }, { maxRetries: 0 }),
  e => e instanceof CohereError && e.statusCode === 404);

const voyage = new VoyageAIClient({ apiKey: "sesame", environment: url + "/v1" });
check("voyageai", (await voyage.embed({ model: "tiny", input: texts })).data.map(d => d.embedding));
check("voyageai, documents", (await voyage.embed({ model: "tiny", input: texts, inputType: "document", truncation: true })).data.map(d => d.embedding), documents);
checkRanking("voyageai, rerank", (await voyage.rerank({ model: "cross", query: texts[0], documents: texts })).data);
await fails("voyageai", () => voyage.embed({ model: "none", input: texts }, { maxRetries: 0 }), e => e instanceof VoyageAIError && e.statusCode === 404);

check("@langchain/ollama", await new OllamaEmbeddings({ model: "tiny", baseUrl: url, headers: { Authorization: "Bearer sesame" } }).embedDocuments(texts));
check("@langchain/openai", await new OpenAIEmbeddings({ model: "tiny", apiKey: "sesame", stripNewLines: false, configuration: { baseURL: url + "/v1" } }).embedDocuments(texts));
check("@langchain/cohere", await new CohereEmbeddings({ model: "tiny", client: first }).embedDocuments(texts), documents);
