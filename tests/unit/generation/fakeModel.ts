/**
 * A model without weights for tests of the generators: its caches contain the token ids, and the next token follows from all
 * tokens of a row and their places. It refuses a piece that leaves the cache, and sees only slots up to its own.
 */

import { portsOnly } from "../../../scripts/harness/graphArtifact.ts";
import { type Artifact, generationPorts } from "../../../src/artifacts/contract.ts";
import type { GenerationShape } from "../../../src/artifacts/generation.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import type { DType, Shape } from "../../../src/tensor/dtype.ts";
import { type Compute, createFakeRuntime } from "../training/fakeRuntime.ts";

export const vocabulary = 50;
const layers = 2;

/** Oracle: the token that the fake model finds most likely after a sequence; it depends on every token and its place. */
function next(sequence: readonly number[]): number {
  return sequence.reduce((hash, id, slot) => (hash * 31 + (slot + 1) * (id + 3)) % 9973, 7) % vocabulary;
}

/** Oracle: the tokens that follow a prompt. */
export function continuation(prompt: readonly number[], count: number): number[] {
  const sequence = [...prompt];
  for (let i = 0; i < count; i++) sequence.push(next(sequence));
  return sequence.slice(prompt.length);
}

export const promptOf = (length: number) => Array.from({ length }, (_, i) => (i * 7) % vocabulary);

const port = (name: string, dtype: DType, shape: Shape) => ({ name, dtype, shape });

const cacheNames = Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) => [
  { past: generationPorts.pastKey(layer), present: generationPorts.presentKey(layer) },
  { past: generationPorts.pastValue(layer), present: generationPorts.presentValue(layer) },
]);

export function fakeArtifact({
  rows = 1,
  cacheRows = null,
  tokens,
  capacity,
  first = false,
  chooses = false,
}: GenerationShape): Artifact {
  const caches = (side: "past" | "present") =>
    cacheNames.map((names) => port(names[side], "float32", [cacheRows ?? rows, 1, capacity, 1]));
  const past = first && cacheRows === null ? [] : caches("past");
  return portsOnly({
    kind: "generation",
    key: JSON.stringify({ rows, cacheRows, tokens, capacity, first, chooses }),
    inputs: [
      port(generationPorts.inputIds, "int32", [rows, tokens]),
      ...(first ? [] : [port(generationPorts.start, "int32", [rows])]),
      ...(cacheRows === null ? [] : [port(generationPorts.cacheRows, "int32", [rows])]),
      port(generationPorts.logitsIndex, "int32", [rows]),
      port("weight", "float32", [3]),
      ...past,
    ],
    outputs: [
      port(generationPorts.logits, "float32", [rows, vocabulary]),
      ...(chooses ? [port(generationPorts.choice, "float32", [rows, 3])] : []),
      ...caches("present"),
    ],
    aliases: past.length === 0 ? {} : Object.fromEntries(cacheNames.map(({ past: old, present }) => [present, old])),
  });
}

const compute: Compute = (graph, inputs) => {
  const { rows, cacheRows, tokens, capacity, chooses } = JSON.parse(graph.key);
  const numbers = (name: string) => Array.from(inputs[name] ?? new Int32Array(rows), Number);
  const [ids, starts, index] = [generationPorts.inputIds, generationPorts.start, generationPorts.logitsIndex].map(
    numbers,
  );
  const places = cacheRows === null ? starts?.map((_, row) => row) : numbers(generationPorts.cacheRows);
  const results: ReturnType<Compute> = {};
  for (const { past, present } of cacheNames) {
    const cache = Float32Array.from(inputs[past] ?? new Float32Array(rows * capacity), Number);
    for (let row = 0; row < rows; row++) {
      const start = starts?.[row] ?? 0;
      if (start + tokens > capacity) throw new Error(`slots ${start} to ${start + tokens} of ${capacity}`);
      cache.set(ids?.slice(row * tokens, (row + 1) * tokens) ?? [], (places?.[row] ?? 0) * capacity + start);
    }
    results[present] = cache;
  }
  const logits = new Float32Array(rows * vocabulary);
  const choice = new Float32Array(rows * 3);
  for (let row = 0; row < rows; row++) {
    const from = (places?.[row] ?? 0) * capacity;
    const to = from + (starts?.[row] ?? 0) + (index?.[row] ?? 0) + 1;
    const sequences = cacheNames.map(({ present }) => Array.from(results[present] as Float32Array).slice(from, to));
    if (new Set(sequences.map(String)).size !== 1) throw new Error(`${graph.key}: the caches differ`);
    const id = next(sequences[0] as number[]);
    logits[row * vocabulary + id] = 9;
    choice.set([9, id, 9], 3 * row);
  }
  return { ...results, [generationPorts.logits]: logits, ...(chooses && { [generationPorts.choice]: choice }) };
};

/** A runtime of the fake model, and the generators' parts. `compiled` lists the shapes of the compiled artifacts. */
export function fakeModel(
  contextLength: number,
  provider: "wasm" | "webgpu" = "wasm",
  change = (logits: Compute) => logits,
) {
  const runtime = createFakeRuntime(change(compute));
  const compiled: GenerationShape[] = [];
  const report = { provider } as Runtime["report"];
  const parts = {
    runtime: { ...runtime, report },
    parameters: new Map(["weight", "unused"].map((name) => [name, runtime.tensor(name, "float32", [3])])),
    artifact: (shape: GenerationShape) => {
      compiled.push(shape);
      return fakeArtifact(shape);
    },
    contextLength,
  };
  return { runtime, parts, compiled };
}
