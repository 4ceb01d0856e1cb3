/** Compiles the generation artifact: a model with a key/value cache, with the ports of contract.ts. */

import { forward, type ModelDefinition } from "../models/architecture.ts";
import { softCap } from "../nn/softCap.ts";
import { product } from "../nn/weight.ts";
import { GraphBuilder } from "../onnx/builder.ts";
import type { Graph, Value } from "../onnx/graph.ts";
import { lazyArtifact } from "./artifact.ts";
import { cached, cacheShape } from "./attention.ts";
import { parameterPorts } from "./compile.ts";
import { type Artifact, generationPorts, type Port } from "./contract.ts";
import { artifactKey, type Method, parametersOf, scopeOf } from "./method.ts";

/** Tokens per run, and slots of the key/value cache. */
export interface GenerationShape {
  readonly tokens: number;
  readonly capacity: number;
}

/**
 * Runs S tokens of one sequence with a key/value cache of C slots; the tokens fill the slots from `start` on. A token attends
 * to the slots up to its own, so later slots may contain anything. Pad a shorter piece on the right: the next piece
 * overwrites the padding's slots.
 */
export function compileGeneration(
  model: ModelDefinition,
  method: Method | null,
  { tokens, capacity }: GenerationShape,
): Artifact {
  const caches = (key: (layer: number) => string, value: (layer: number) => string) =>
    model.layers.flatMap((spec, layer): Port[] =>
      [key(layer), value(layer)].map((name) => ({ name, dtype: "float32", shape: cacheShape(spec, capacity) })),
    );
  const { inputIds, start, logitsIndex, logits, pastKey, pastValue, presentKey, presentValue } = generationPorts;
  const head = {
    kind: "generation",
    key: artifactKey("generation", model, method, { tokens, capacity }),
    inputs: [
      { name: inputIds, dtype: "int32", shape: [1, tokens] },
      ...[start, logitsIndex].map((name): Port => ({ name, dtype: "int32", shape: [1] })),
      ...parameterPorts(parametersOf(model, method)),
      ...caches(pastKey, pastValue),
    ],
    outputs: [{ name: logits, dtype: "float32", shape: [model.vocabulary] }, ...caches(presentKey, presentValue)],
    aliases: {},
  } as const;
  return lazyArtifact(head, () => generationGraph(model, method, { tokens, capacity }));
}

function generationGraph(model: ModelDefinition, method: Method | null, { tokens, capacity }: GenerationShape): Graph {
  const b = new GraphBuilder("generation");
  const scope = scopeOf(b, model, method);
  const ids = b.input(generationPorts.inputIds, "int32", [1, tokens]);
  const start = b.input(generationPorts.start, "int32", [1]);
  const steps = b.constant(
    "int32",
    [tokens],
    Int32Array.from({ length: tokens }, (_, i) => i),
  );
  const positions = b.add(steps, start);
  const caches: Record<string, Value> = {};
  const attend = cached(b, model.layers, positions, start, capacity, caches);
  const index = b.input(generationPorts.logitsIndex, "int32", [1]);
  const flat = { ids: b.reshape(ids, [tokens]), positions };
  const last = forward(model, scope, flat, attend, (states) => b.gather(states, index));
  const logits = softCap(b, product(b, last, model.headWeight(scope)), model.logitCap);
  return b.finish({ [generationPorts.logits]: b.reshape(logits, [model.vocabulary]), ...caches });
}
