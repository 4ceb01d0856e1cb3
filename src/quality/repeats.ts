/** Finds duplicates, near duplicates, contradictions, and leakage between training and validation. */

import { type Example, type Message, reasoningFields } from "../records/example.ts";
import { carriedText } from "../records/formats/messages.ts";
import { writeJson } from "../records/writeJson.ts";
import { bytes, firstEqual, ints, TextHash } from "./columns.ts";
import { fillSketch, NearIndex, shingles, similarity, sketchWidth } from "./similarity.ts";

/** Indices of two examples; an exclusion removes `later`. */
export interface Pair {
  readonly later: number;
  readonly earlier: number;
  /** Estimated Jaccard similarity; 1 for equal texts. */
  readonly likeness: number;
}

export interface Split {
  /** Whether an example is in the validation split. */
  isHeldOut(example: number): boolean;
  /** Whether two examples come from one record, for instance threads of one tree: their similarity is no fault. */
  isSameRecord(a: number, b: number): boolean;
}

export interface Repeats {
  /** Adds the next example: stores 20 bytes of hashes and a sketch of 128. */
  add(example: Example): void;
  /**
   * Pairs in the order of their later example, in linear time. An example is paired with the first equal one in `exact`, else
   * with a similar one in `near` that is no near duplicate itself. A held-out example has at most one pair in `leakage`.
   */
  find(split: Split): {
    readonly exact: readonly Pair[];
    readonly near: readonly Pair[];
    readonly contradictions: readonly Pair[];
    readonly leakage: readonly Pair[];
  };
}

export function createRepeats(): Repeats {
  const wholeLow = ints();
  const wholeHigh = ints();
  /** Hash of all messages before the last answer; 0 and 0 without a prompt. */
  const promptLow = ints();
  const promptHigh = ints();
  const answers = ints();
  const isSketched = bytes();
  const sketches = bytes(sketchWidth);

  return {
    add(example) {
      const { whole, prompt, answer } = hashesOf(example);
      wholeLow.push(whole.low);
      wholeHigh.push(whole.high);
      promptLow.push(prompt?.low ?? 0);
      promptHigh.push(prompt?.high ?? 0);
      answers.push(answer);
      isSketched.push(fillSketch(sketches.extend(), shingles(comparedTexts(example))) ? 1 : 0);
    },

    find({ isHeldOut, isSameRecord }) {
      const count = wholeLow.length;
      const firstWhole = firstEqual(wholeLow.all(), wholeHigh.all());
      const firstPrompt = firstEqual(promptLow.all(), promptHigh.all());
      const all = sketches.all();

      const exact: Pair[] = [];
      const near: Pair[] = [];
      const contradictions: Pair[] = [];
      const leaders = new NearIndex(all);
      for (let i = 0; i < count; i++) {
        const same = firstWhole[i] ?? i;
        if (same !== i && !isSameRecord(i, same)) exact.push({ later: i, earlier: same, likeness: 1 });
        if (same === i && isSketched.at(i) === 1) {
          const other = leaders.find(i, (j) => !isSameRecord(i, j));
          // Compare only with examples that remain when the later one of each pair is excluded.
          if (other === -1) leaders.add(i);
          else near.push({ later: i, earlier: other, likeness: similarity(all, i, other) });
        }
        const samePrompt = firstPrompt[i] ?? i;
        const hasPrompt = promptLow.at(i) !== 0 || promptHigh.at(i) !== 0;
        const isOther = samePrompt !== i && !isSameRecord(i, samePrompt);
        if (hasPrompt && isOther && answers.at(i) !== answers.at(samePrompt)) {
          contradictions.push({ later: i, earlier: samePrompt, likeness: 1 });
        }
      }

      const leakage: Pair[] = [];
      const pair = (a: number, b: number, likeness: number) =>
        leakage.push({ later: Math.max(a, b), earlier: Math.min(a, b), likeness });
      const heldOut = Array.from({ length: count }, (_, i) => i).filter(isHeldOut);
      if (heldOut.length > 0) {
        const trained = new NearIndex(all);
        /** Per first example of a text: a training example with the same text, or -1. */
        const trainedSame = new Int32Array(count).fill(-1);
        for (let i = 0; i < count; i++) {
          if (isHeldOut(i)) continue;
          const same = firstWhole[i] ?? i;
          if (trainedSame[same] !== -1) continue;
          trainedSame[same] = i;
          if (isSketched.at(i) === 1) trained.add(i);
        }
        for (const i of heldOut) {
          const same = trainedSame[firstWhole[i] ?? i] ?? -1;
          const other = same !== -1 || isSketched.at(i) === 0 ? -1 : trained.find(i, () => true);
          if (same !== -1) pair(i, same, 1);
          else if (other !== -1) pair(i, other, similarity(all, i, other));
        }
      }
      leakage.sort((a, b) => a.later - b.later);
      return { exact, near, contradictions, leakage };
    },
  };
}

/** Hashes of the exact example, and of its prompt and last answer without case and extra white space. */
function hashesOf(example: Example): { whole: TextHash; prompt: TextHash | null; answer: number } {
  const whole = new TextHash();
  if (example.kind === "text") return { whole: whole.add(example.text), prompt: null, answer: 0 };
  if (example.kind === "preference") {
    // Two answers to one prompt are what such a row is for; `createPreferences` finds opposite rows.
    for (const part of [example.prompt, example.chosen, example.rejected]) {
      whole.add(String(part.length));
      for (const message of part) whole.add(message.role).add(message.content).add(carriedText(message));
    }
    return { whole, prompt: null, answer: 0 };
  }
  const { messages, tools } = example;
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  const prompt = new TextHash();
  let answer = 0;
  if (tools) {
    whole.add(writeJson(tools));
    prompt.add(writeJson(tools));
  }
  messages.forEach((message, i) => {
    const { role, content } = message;
    const carried = carriedText(message);
    whole.add(role).add(content).add(carried);
    if (i < last) prompt.add(role).addNormalised(content).add(carried);
    if (i === last) answer = new TextHash().addNormalised(content).add(carried).low;
  });
  const hasPrompt = messages.slice(0, last).some(({ role }) => role !== "system");
  return { whole, prompt: hasPrompt ? prompt : null, answer };
}

/** Texts without system messages, which are often equal in all rows and would make all rows similar. */
function comparedTexts(example: Example): string[] {
  if (example.kind === "text") return [example.text];
  const messages =
    example.kind === "chat" ? example.messages : [...example.prompt, ...example.chosen, ...example.rejected];
  return messages.filter(({ role }) => role !== "system").flatMap(spokenTexts);
}

/** The content of a message, after its reasoning. */
function spokenTexts({ content, fields }: Message): string[] {
  const reasoning = reasoningFields.map((name) => fields?.[name]).filter((text) => typeof text === "string");
  return [...reasoning, content];
}
