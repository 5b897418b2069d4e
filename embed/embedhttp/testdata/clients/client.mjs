// As clients.py, with openai-node and ollama-js.
import { readFileSync } from "node:fs";
import { Ollama } from "ollama";
import OpenAI from "openai";

const [url, file] = process.argv.slice(2);
const expected = JSON.parse(readFileSync(file));
const client = new OpenAI({ baseURL: url + "/v1", apiKey: "sesame", maxRetries: 0 });
const bits = vector => Buffer.from(new Float32Array(vector).buffer).toString("base64");

for (const options of [{}, { encoding_format: "float" }]) {
  const answer = await client.embeddings.create({ model: "tiny", input: expected.texts, ...options });
  const got = answer.data.map(d => bits(d.embedding));
  if (JSON.stringify(got) !== JSON.stringify(expected.vectors)) throw new Error("not the library's vectors");
  if (answer.usage.prompt_tokens !== expected.tokens) throw new Error("usage");
}
try {
  await client.embeddings.create({ model: "none", input: "a" });
  throw new Error("no error");
} catch (e) {
  if (!(e instanceof OpenAI.NotFoundError) || e.code !== "model_not_found") throw e;
}
console.log("openai-node ok");

const ollama = new Ollama({ host: url, headers: { Authorization: "Bearer sesame" } });
const answer = await ollama.embed({ model: "tiny", input: expected.texts, keep_alive: "5m" });
if (JSON.stringify(answer.embeddings.map(bits)) !== JSON.stringify(expected.vectors)) throw new Error("ollama: not the library's vectors");
if (!(await ollama.list()).models.some(m => m.name === "tiny")) throw new Error("ollama: models");
try {
  await ollama.embed({ model: "none", input: "a" });
  throw new Error("no error");
} catch (e) {
  if (e.status_code !== 404 || !e.message.includes("not found")) throw e;
}
console.log("ollama ok");
