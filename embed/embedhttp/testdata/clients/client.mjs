// As clients.py, with openai-node.
import { readFileSync } from "node:fs";
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
