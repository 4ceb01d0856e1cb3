/**
 * llama.cpp through the npm package `node-llama-cpp`, on the processor. It is no dependency of Hone: install it with
 * `--no-save`, or into a folder of its own that `HONE_LLAMA` names (`HONE_LLAMA=FOLDER/node_modules/node-llama-cpp`).
 */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

type Token = number;

interface Sequence {
  clearHistory(): Promise<void>;
  evaluate(
    tokens: readonly Token[],
    options: { readonly temperature: number; readonly yieldEogToken: boolean },
  ): AsyncGenerator<Token, void>;
  controlledEvaluate(
    input: readonly (readonly [Token, object])[],
  ): Promise<({ readonly next: { readonly probabilities?: ReadonlyMap<Token, number> } } | undefined)[]>;
}

interface Context {
  getSequence(): Sequence;
  dispose(): Promise<void>;
}

interface Model {
  readonly tokens: { readonly bos: Token | null; readonly eos: Token | null; readonly shouldPrependBosToken: boolean };
  readonly fileInfo: { readonly metadata: { readonly tokenizer?: { readonly chat_template?: string } } };
  tokenize(text: string, specialTokens: boolean): Token[];
  isEogToken(token: Token): boolean;
  getTokenString?(token: Token): string;
  createContext(options: object): Promise<Context>;
  dispose(): Promise<void>;
}

interface Llama {
  readonly _bindings: {
    readonly AddonJinjaRenderer: new (template: string) => { render(items: object): string };
  };
  loadModel(options: object): Promise<Model>;
  dispose(): Promise<void>;
}

interface Package {
  getLlama(options: object): Promise<Llama>;
}

const packageName: string = "node-llama-cpp";

/** The package's folder: of an ordinary installation, else `HONE_LLAMA`; null where it has none. */
function llamaFolder(folder = process.env.HONE_LLAMA): string | null {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(packageName)));
  } catch {
    return folder && existsSync(join(folder, "dist", "index.js")) ? folder : null;
  }
}

/** Why llama.cpp cannot run; null where it can. */
export const llamaMissing = (): string | null =>
  llamaFolder() === null
    ? "llama.cpp needs the npm package node-llama-cpp: install it into a folder of its own and set HONE_LLAMA=FOLDER/node_modules/node-llama-cpp"
    : null;

/** A GGUF file in llama.cpp. */
export interface LlamaModel {
  /** The template of the file; null where it has none. */
  readonly template: string | null;
  /** Whether llama.cpp writes BOS before a prompt. */
  readonly addsBos: boolean;
  /** Ids of a text without BOS. `special`: texts of control tokens become these tokens. */
  tokenize(text: string, special: boolean): number[];
  /** llama.cpp's own Jinja renders the file's template. Throws the template's error. */
  render(variables: object): string;
  /** Whether an answer ends with this token. */
  endsAnswer(id: number): boolean;
  /** The likeliest ids after a prompt, up to and with the first that ends an answer, `count` at most. */
  greedy(prompt: readonly number[], count: number): Promise<number[]>;
  /** Natural logarithms (tokens, V) of the next token's probabilities after each token of a row. */
  logProbabilities(row: readonly number[], vocabulary: number): Promise<Float64Array>;
  dispose(): Promise<void>;
}

export interface LlamaRunner {
  /** Opens a file, with a LoRA of scale 1 where `lora` names one. Throws llama.cpp's error. */
  open(file: string, lora?: string): Promise<LlamaModel>;
  dispose(): Promise<void>;
}

/** Throws where `llamaMissing` has a reason. */
export async function startLlama(): Promise<LlamaRunner> {
  const folder = llamaFolder();
  if (folder === null) throw new Error(llamaMissing() ?? "");
  const found: Package = await import(pathToFileURL(join(folder, "dist", "index.js")).href);
  const problems: string[] = [];
  const logger = (level: string, message: string) => {
    if (level === "error" || level === "fatal") problems.push(message.trim());
  };
  const llama = await found.getLlama({ gpu: false, build: "never", logLevel: "error", logger });
  return {
    async open(file, lora) {
      problems.length = 0;
      const model = await llama.loadModel({ modelPath: file, useMmap: false }).catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        throw new Error(`llama.cpp does not load the file: ${[...problems, message].join(" ").slice(0, 300)}`);
      });
      // The key and value cache has 16 bits by default, which changes log-probabilities by about 1e-3.
      const context = await model.createContext({
        // A full context would be shifted.
        contextSize: 512,
        // With more threads than free cores, llama.cpp waits for minutes on so small a model.
        threads: 1,
        flashAttention: false,
        experimentalKvCacheKeyType: "F32",
        experimentalKvCacheValueType: "F32",
        swaFullCache: true,
        ...(lora !== undefined && { lora: { adapters: [{ filePath: lora, scale: 1 }] } }),
      });
      const sequence = context.getSequence();
      const template = model.fileInfo.metadata.tokenizer?.chat_template ?? null;
      return {
        template,
        addsBos: model.tokens.shouldPrependBosToken,
        tokenize: (text, special) => [...model.tokenize(text, special)],
        render: (variables) => new llama._bindings.AddonJinjaRenderer(template ?? "").render(variables),
        endsAnswer: (id) => model.isEogToken(id),
        async greedy(prompt, count) {
          await sequence.clearHistory();
          const ids: number[] = [];
          for await (const id of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
            ids.push(id);
            if (ids.length === count || model.isEogToken(id)) break;
          }
          return ids;
        },
        async logProbabilities(row, vocabulary) {
          await sequence.clearHistory();
          const generateNext = { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 1 } };
          const outputs = await sequence.controlledEvaluate(row.map((id) => [id, { generateNext }] as const));
          const found = new Float64Array(row.length * vocabulary).fill(Number.NaN);
          outputs.forEach((output, at) => {
            for (const [id, share] of output?.next.probabilities ?? []) found[at * vocabulary + id] = Math.log(share);
          });
          return found;
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
