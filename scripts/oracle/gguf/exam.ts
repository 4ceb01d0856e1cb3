/** A run's questions, answered by its GGUF files in llama.cpp, beside the answers of the run in Hone. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import type { WrittenType } from "../../../src/gguf/blocks.ts";
import type { EngineApi, Exported } from "../../../src/protocol/engine.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import type { LlamaModel, LlamaRunner } from "./llama.ts";

export interface Question {
  readonly prompt: string;
  readonly expected: string;
}

/** The answers of one file. */
export interface ExamVerdict {
  readonly what: WrittenType | "LoRA";
  readonly questions: number;
  /** Answers with Hone's text. */
  readonly equal: number;
  /** Answers that end with a token that ends an answer. */
  readonly ended: number;
  /** Answers that end within the exam's limit in Hone. */
  readonly endedHere: number;
  /** Answers that are the expected ones. */
  readonly correct: number;
  readonly faults: readonly string[];
}

/** An answer of more tokens counts as one without an end. */
const longestAnswer = 128;

/** Tokens of an answer in Hone's exam. */
const mostTokens = (expected: number) => Math.max(32, 2 * expected);

async function unpack(folder: string, { archive }: Exported): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const files = Object.entries(unzipSync(new Uint8Array(await archive.arrayBuffer())));
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  return join(folder, files.find(([name]) => name.endsWith(".gguf"))?.[0] ?? "");
}

/** Exports a run's GGUF files to `out`, and asks each. A LoRA run's adapter lies over `base`, its base model as GGUF. */
export async function examineRun(
  engine: EngineApi,
  llama: LlamaRunner,
  run: RunRecord,
  {
    questions,
    base,
    out,
  }: { readonly questions: readonly Question[]; readonly base: string | null; readonly out: string },
): Promise<ExamVerdict[]> {
  const { template, systemPrompt } = run.recipe;
  const { answers } = await engine.examine({
    ...{ modelHash: run.model.hash, runId: run.id, checkpoint: null, template, systemPrompt, questions, texts: [] },
  });
  const files = await engine.tokenizerFiles(run.model.hash);
  const tokenizer = createTokenizer(files.tokenizerJson, files.tokenizerConfig, { modelType: files.modelType ?? null });
  const asked = questions.map((question, i) => ({
    ...question,
    own: answers[i]?.text ?? "",
    cut: answers[i]?.finish !== "stop",
    tokens: mostTokens(tokenizer.encode([{ ...plain, text: question.expected }]).ids.length),
  }));
  const verdicts: ExamVerdict[] = [];
  const take = async (what: ExamVerdict["what"], model: LlamaModel, source: LlamaModel) => {
    const bos = tokenizer.bos;
    let [equal, ended, correct] = [0, 0, 0];
    const faults: string[] = [];
    // Few bits may choose other words.
    const exact = what === "F32" || what === "F16" || what === "LoRA";
    for (const { prompt, expected, own, cut, tokens } of asked) {
      const rendered = source.render({
        messages: [{ role: "user", content: prompt }],
        add_generation_prompt: true,
        bos_token: bos?.text ?? "",
        eos_token: tokenizer.eos?.text ?? "",
      });
      const before = bos && model.addsBos && !rendered.startsWith(bos.text) ? [bos.id] : [];
      const ids = await model.greedy([...before, ...model.tokenize(rendered, true)], longestAnswer);
      const end = ids.at(-1);
      const ends = end !== undefined && model.endsAnswer(end);
      // Hone's exam ends at its limit, llama.cpp goes on to the end of the answer.
      const text = tokenizer.decode(cut ? ids.slice(0, tokens) : ends ? ids.slice(0, -1) : ids);
      if (ends) ended += 1;
      if (text.trim() === own.trim()) equal += 1;
      if (text.trim() === expected.trim()) correct += 1;
      // An answer that has no end in Hone has none in exact files either.
      const isFault = (!ends && !cut) || (exact && text.trim() !== own.trim());
      if (isFault && faults.length < 5) {
        faults.push(
          `"${prompt.slice(0, 40)}": "${text.slice(0, 40)}"${ends ? "" : " without an end"}, Hone "${own.slice(0, 40)}"`,
        );
      }
    }
    const endedHere = asked.filter(({ cut }) => !cut).length;
    verdicts.push({ what, questions: asked.length, equal, ended, endedHere, correct, faults });
  };
  const open = async (type: WrittenType) => {
    const file = await unpack(join(out, type), await engine.exportGguf(run.id, null, type));
    return llama.open(file);
  };
  for (const type of ["F32", "F16", "Q8_0", "Q4_0"] as const) {
    const model = await open(type);
    await take(type, model, model);
    if (type === "F16" && run.recipe.method === "lora" && base !== null) {
      const lora = await unpack(join(out, "LoRA"), await engine.exportGgufAdapter(run.id, null));
      const tuned = await llama.open(base, lora);
      // The base's own file has no template of the run.
      await take("LoRA", tuned, model);
      await tuned.dispose();
    }
    await model.dispose();
  }
  return verdicts;
}

const plain = {
  ...{ role: null, message: null, answer: false, supervised: false, weight: 0 },
  kind: "content",
} as const;
