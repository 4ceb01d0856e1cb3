/**
 * llama.cpp itself, through the npm package node-llama-cpp, which is installed by hand: `HONE_LLAMA` may name its folder. A
 * development tool; nothing of it ships.
 */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The part of node-llama-cpp that the command uses. */
interface Sequence {
  evaluate(ids: readonly number[], options: object): AsyncIterable<number>;
  controlledEvaluate(
    input: readonly (readonly [number, object])[],
  ): Promise<readonly ({ readonly next: { readonly probabilities?: ReadonlyMap<number, number> } } | undefined)[]>;
  clearHistory(): Promise<void>;
}

interface Context {
  getSequence(): Sequence;
  dispose(): Promise<void>;
}

interface Model {
  tokenize(text: string, specialTokens?: boolean): readonly number[];
  readonly fileInfo: { readonly metadata: { readonly tokenizer?: { readonly chat_template?: string } } };
  isEogToken(id: number): boolean;
  createContext(options: object): Promise<Context>;
  dispose(): Promise<void>;
}

interface Llama {
  loadModel(options: object): Promise<Model>;
  dispose(): Promise<void>;
}

/** Greedy answers, log-probabilities and tokens of one file. */
export interface LlamaModel {
  /** Without BOS. `special`: whether special tokens in the text are tokens; by default they are text. */
  tokenize(text: string, special?: boolean): readonly number[];
  readonly chatTemplate: string | null;
  endsAnswer(id: number): boolean;
  /** Greedy ids after these, up to `count`, the end of an answer included. */
  greedy(ids: readonly number[], count: number): Promise<readonly number[]>;
  /** Probabilities of the next token after each of these. */
  probabilities(ids: readonly number[]): Promise<readonly ReadonlyMap<number, number>[]>;
  dispose(): Promise<void>;
}

export interface LlamaCpp {
  /** Loads a file, with an adapter's file where given. Throws llama.cpp's error. */
  open(file: string, adapter?: string): Promise<LlamaModel>;
  dispose(): Promise<void>;
}

const packageName = "node-llama-cpp";

function entryOf(): string | null {
  const named = process.env.HONE_LLAMA;
  if (named) return existsSync(join(named, "dist/index.js")) ? join(named, "dist/index.js") : null;
  try {
    return createRequire(import.meta.url).resolve(packageName);
  } catch {
    return null;
  }
}

/** llama.cpp on the processor, or why it is missing as the rest of a sentence. */
export async function openLlama(): Promise<LlamaCpp | string> {
  const entry = entryOf();
  if (entry === null) {
    return (
      "node-llama-cpp is not installed: run npm install --no-save node-llama-cpp@3.21.1 @node-llama-cpp/linux-x64@3.21.1, or " +
      "name its folder in HONE_LLAMA"
    );
  }
  const { getLlama } = (await import(pathToFileURL(entry).href)) as { getLlama(options: object): Promise<Llama> };
  const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", progressLogs: false });
  return {
    async open(modelPath, adapter) {
      const model = await llama.loadModel({ modelPath, gpuLayers: 0, useMmap: false });
      const context = await model.createContext({
        contextSize: 256,
        threads: 1,
        // In float16 the cache alone would move log-probabilities by more than 1e-4.
        experimentalKvCacheKeyType: "F32",
        experimentalKvCacheValueType: "F32",
        flashAttention: false,
        ...(adapter !== undefined && { lora: { adapters: [{ filePath: adapter, scale: 1 }] } }),
      });
      const sequence = context.getSequence();
      return {
        tokenize: (text, special = false) => model.tokenize(text, special),
        chatTemplate: model.fileInfo.metadata.tokenizer?.chat_template ?? null,
        endsAnswer: (id) => model.isEogToken(id),
        async greedy(ids, count) {
          await sequence.clearHistory();
          const made: number[] = [];
          for await (const id of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
            made.push(id);
            // The package goes on after the end of an answer.
            if (made.length >= count || model.isEogToken(id)) break;
          }
          return made;
        },
        async probabilities(ids) {
          await sequence.clearHistory();
          const options = { temperature: 1, topK: 0, topP: 1, minP: 0 };
          const asked = ids.map((id) => [id, { generateNext: { probabilities: true, options } }] as const);
          const answers = await sequence.controlledEvaluate(asked);
          return answers.map((answer) => answer?.next.probabilities ?? new Map());
        },
        async dispose() {
          await context.dispose();
          await model.dispose();
        },
      };
    },
    dispose: () => llama.dispose(),
  };
}
