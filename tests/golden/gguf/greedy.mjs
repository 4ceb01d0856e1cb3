// Greedy ids of a GGUF file in llama.cpp: node greedy.mjs NODE_LLAMA_CPP FILE IDS COUNT. Prints a list as the last line.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder = "", modelPath, ids = "[]", count] = process.argv.slice(2);
const { getLlama } = await import(pathToFileURL(join(folder, "dist/index.js")).href);
const llama = await getLlama({ gpu: false, build: "never" });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 64 });
const sequence = context.getSequence();
const found = [];
for await (const token of sequence.evaluate(JSON.parse(ids), { temperature: 0, yieldEogToken: true })) {
  found.push(token);
  if (found.length === Number(count)) break;
}
console.info(`\n${JSON.stringify(found)}`);
process.exit(0);
