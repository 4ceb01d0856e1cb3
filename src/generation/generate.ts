/** Generates an answer to a prompt: prefill in chunks, then token by token, with a key/value cache on the device. */

import { type Artifact, generationPorts } from "../artifacts/contract.ts";
import type { DeviceTensor, HostTensor, Runtime } from "../runtime/types.ts";
import { createRandom } from "../tensor/random.ts";
import { nextTask } from "../training/control.ts";
import { perShape } from "../training/feeds.ts";
import { checkSampling, type Sampling, sampleToken } from "./sampling.ts";

/** Tokens per prefill run; a divisor of `capacityStep`, so that a padded last chunk fits the cache. */
const prefillTokens = 32;
/** Cache capacities are multiples of this, so that prompts of similar length share sessions. */
const capacityStep = 64;

export interface GeneratorParts {
  readonly runtime: Pick<Runtime, "tensor" | "session">;
  /** Shared with training; the caller frees them. */
  readonly parameters: ReadonlyMap<string, DeviceTensor>;
  /** `compileGeneration` of the model, for `tokens` per run and a cache of `capacity` slots. */
  readonly artifact: (shape: { readonly tokens: number; readonly capacity: number }) => Artifact;
  /** Longest sequence of the model in tokens. */
  readonly contextLength: number;
}

export interface GenerationRequest {
  /** Token ids, special tokens included. */
  readonly prompt: readonly number[] | Int32Array;
  /** Tokens that end the answer without being part of it. */
  readonly stopIds: readonly number[];
  readonly maxTokens: number;
  readonly sampling: Sampling;
  /** Ignored when greedy. */
  readonly seed: number;
  readonly onToken?: (id: number) => void;
  readonly signal?: AbortSignal;
}

export interface Generation {
  /** The answer's tokens, without prompt and stop token. */
  readonly ids: readonly number[];
  /** A stop token; `maxTokens` reached; the model's context is full; the signal was aborted. */
  readonly finish: "stop" | "length" | "context" | "cancelled";
}

export type Generate = (request: GenerationRequest) => Promise<Generation>;

/**
 * Creates a generator, which uses the current values of the parameters. Between two tokens it lets the thread's other tasks
 * run and checks the signal. It throws a RangeError for settings outside their range and for a prompt that is empty or fills
 * the context; it always frees its caches.
 */
export function createGenerator({ runtime, parameters, artifact, contextLength }: GeneratorParts): Generate {
  const artifactFor = perShape(artifact);

  return async (request) => {
    checkRequest(request, contextLength);
    const { prompt, maxTokens, sampling, signal } = request;
    const stops = new Set(request.stopIds);
    const random = createRandom(request.seed);
    const room = Math.min(maxTokens, contextLength - prompt.length);
    const capacity = Math.ceil((prompt.length + room) / capacityStep) * capacityStep;
    const caches = createCaches(runtime, artifactFor({ tokens: 1, capacity }));

    /**
     * Runs up to `size` tokens from cache slot `start` on, and returns the logits after the last token. Padding fills later
     * slots, which no token attends to and which later tokens overwrite.
     */
    const logitsAfter = async (tokens: readonly number[] | Int32Array, start: number, size: number) => {
      const padded = new Int32Array(size);
      padded.set(tokens);
      const graph = artifactFor({ tokens: size, capacity });
      const session = await runtime.session(graph);
      const feeds: Record<string, DeviceTensor | HostTensor> = {
        ...caches.past(),
        [generationPorts.inputIds]: int32([1, size], padded),
        [generationPorts.start]: int32([1], Int32Array.of(start)),
        [generationPorts.logitsIndex]: int32([1], Int32Array.of(tokens.length - 1)),
      };
      for (const { name } of graph.inputs) {
        const parameter = parameters.get(name);
        if (parameter !== undefined) feeds[name] = parameter;
      }
      const logits = (await session.run(feeds, caches.present()))[generationPorts.logits]?.data;
      if (!(logits instanceof Float32Array)) throw new Error("The generation artifact gave no float32 logits.");
      caches.swap();
      return logits;
    };

    const ids: number[] = [];
    try {
      const chunk = prompt.length === 1 ? 1 : prefillTokens;
      let logits: Float32Array = new Float32Array(0);
      for (let start = 0; start < prompt.length; start += chunk) {
        await nextTask();
        if (signal?.aborted) return { ids, finish: "cancelled" };
        logits = await logitsAfter(prompt.slice(start, start + chunk), start, chunk);
      }
      for (;;) {
        const id = sampleToken(logits, sampling, random);
        if (stops.has(id)) return { ids, finish: "stop" };
        ids.push(id);
        request.onToken?.(id);
        if (ids.length === maxTokens) return { ids, finish: "length" };
        if (ids.length === room) return { ids, finish: "context" };
        await nextTask();
        if (signal?.aborted) return { ids, finish: "cancelled" };
        logits = await logitsAfter([id], prompt.length + ids.length - 1, 1);
      }
    } finally {
      caches.dispose();
    }
  };
}

function checkRequest({ prompt, maxTokens, sampling }: GenerationRequest, contextLength: number): void {
  checkSampling(sampling);
  if (prompt.length === 0) throw new RangeError("The prompt is empty: give at least one token.");
  if (prompt.length >= contextLength) {
    throw new RangeError(
      `The prompt has ${prompt.length} tokens and the model's context ${contextLength}: ` +
        "shorten it or begin a new conversation, so that an answer has room.",
    );
  }
  if (!(Number.isInteger(maxTokens) && maxTokens >= 1)) {
    throw new RangeError(`The answer's limit is ${maxTokens} tokens; give a whole number of at least 1.`);
  }
}

function int32(shape: readonly number[], data: Int32Array): HostTensor {
  return { dtype: "int32", shape, data };
}

/** Two sets of caches that swap at every run, because an updated cache needs its own buffer. */
function createCaches(runtime: Pick<Runtime, "tensor">, artifact: Artifact) {
  let past: DeviceTensor[] = [];
  let present: DeviceTensor[] = [];
  const pastNames: string[] = [];
  const presentNames: string[] = [];
  const dispose = () => {
    for (const tensor of [...past, ...present]) tensor.dispose();
  };
  const named = (names: readonly string[], tensors: readonly DeviceTensor[]) =>
    Object.fromEntries(tensors.map((tensor, index) => [names[index] as string, tensor]));
  const ports = new Map(artifact.inputs.map((port) => [port.name, port]));
  try {
    for (let layer = 0; ports.has(generationPorts.pastKey(layer)); layer++) {
      for (const [pastName, presentName] of [
        [generationPorts.pastKey(layer), generationPorts.presentKey(layer)],
        [generationPorts.pastValue(layer), generationPorts.presentValue(layer)],
      ] as const) {
        const port = ports.get(pastName);
        if (port === undefined) throw new Error(`The generation artifact has no input ${pastName}.`);
        pastNames.push(pastName);
        presentNames.push(presentName);
        past.push(runtime.tensor(`${pastName}, even`, port.dtype, port.shape));
        present.push(runtime.tensor(`${pastName}, odd`, port.dtype, port.shape));
      }
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    past: () => named(pastNames, past),
    present: () => named(presentNames, present),
    swap: () => {
      [past, present] = [present, past];
    },
    dispose,
  };
}
