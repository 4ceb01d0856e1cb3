/** Tunes Seedling as its page does, exports it, and lets llama.cpp take its exam: text in, text out. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { createPrompt } from "../../../src/generation/prompt.ts";
import type { WrittenType } from "../../../src/gguf/blocks.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { defaultsFor } from "../../../src/store/recipe.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { openLaboratory, questionsOf } from "../../seedling/laboratory.ts";
import type { ExamQuestion, Pair } from "../../seedling/pairs.ts";
import { readRows } from "../../seedling/samples.ts";
import { projectRoot } from "../../setup.mjs";
import { openFolder } from "../exported.ts";
import type { LlamaCpp } from "./llama.ts";

export interface ExamVerdict {
  readonly type: WrittenType;
  readonly questions: number;
  /** Prompts whose tokens llama.cpp reads as Hone does. */
  readonly prompts: number;
  /** Answers with the same text. */
  readonly same: number;
  /** Answers that ended by themselves. */
  readonly ended: number;
  readonly correct: { readonly hone: number; readonly llama: number };
}

/** More tokens than any answer of the exam. */
const mostTokens = 64;

export async function examInLlama(llama: LlamaCpp, out: string): Promise<readonly ExamVerdict[]> {
  const samples = join(projectRoot, "public", "samples");
  const folder = join(projectRoot, "public", "models", "seedling");
  const { engine, model, train } = await openLaboratory(folder, "Seedling", { entries: nodeEntries });
  const recipe = { ...defaultsFor({ name: "Seedling" }, "lora"), maxLength: 256, samplePrompts: 0, watchEvery: null };
  const record = await train(readRows<Pair>(join(samples, "small-world.jsonl")), recipe);
  const questions = questionsOf(readRows<ExamQuestion>(join(samples, "small-world-exam.jsonl")));
  const { template: choice, systemPrompt } = recipe;
  const subject = { modelHash: model.hash, runId: record.id, checkpoint: null, template: choice, systemPrompt };
  const { answers } = await engine.examine({ ...subject, questions, texts: [] });
  const { opened } = await openFolder(folder);
  const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig);
  const template = createTemplate(choice, { tokenizer, chatTemplate: opened.chatTemplate });
  const prompts = questions.map(({ prompt }) =>
    createPrompt({ tokenizer, template, systemPrompt }, [{ role: "user", content: prompt }]),
  );
  const verdicts: ExamVerdict[] = [];
  for (const type of ["F32", "F16"] as const) {
    const { archive } = await engine.exportGguf(record.id, null, type);
    const opening = await llama.open(await writeGguf(archive, join(out, type)));
    const count = { prompts: 0, same: 0, ended: 0, right: 0 };
    try {
      for (const [i, { ids, text }] of prompts.entries()) {
        const read = opening.tokenize(text, true);
        if (read.length === ids.length && read.every((id, at) => id === ids[at])) count.prompts++;
        const made = await opening.greedy(read, mostTokens);
        const last = made.at(-1);
        if (last !== undefined && opening.endsAnswer(last)) count.ended++;
        const answer = tokenizer.decode(made.filter((id) => !opening.endsAnswer(id)));
        if (answer.trim() === questions[i]?.expected.trim()) count.right++;
        if (answer === answers[i]?.text) count.same++;
      }
    } finally {
      await opening.dispose();
    }
    const { right: ours, ...rest } = count;
    const hone = answers.filter(({ correct }) => correct).length;
    verdicts.push({ type, questions: questions.length, ...rest, correct: { hone, llama: ours } });
  }
  return verdicts;
}

/** Writes the GGUF file of an archive, and returns its path. */
async function writeGguf(archive: Blob, folder: string): Promise<string> {
  const files = unzipSync(new Uint8Array(await archive.arrayBuffer()));
  const [name = "", content] = Object.entries(files).find(([file]) => file.endsWith(".gguf")) ?? [];
  if (!content) throw new Error("The export has no GGUF file.");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}
