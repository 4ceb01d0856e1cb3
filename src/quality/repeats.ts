/** Which examples repeat, nearly repeat, or contradict others, and which stand on both sides of the split. */

import type { ChatExample, TextExample } from "../records/example.ts";
import { bytes, firstEqual, ints, TextHash } from "./columns.ts";
import { fillSketch, NearIndex, shingles, similarity, sketchWidth } from "./similarity.ts";

/** Two examples by their index, of which `later` is the one to be taken out. */
export interface Pair {
  readonly later: number;
  readonly earlier: number;
  /** Estimated share of what both have; 1 where they are the same word for word. */
  readonly likeness: number;
}

export interface Split {
  /** Whether an example is in the validation split. */
  isHeld(example: number): boolean;
  /** Whether two examples come from one record, as the threads of a tree do: they are alike by nature. */
  isSameRecord(a: number, b: number): boolean;
}

export interface Repeats {
  /** Remembers the next example by 24 bytes of hashes and a sketch of 128. */
  add(example: ChatExample | TextExample): void;
  /**
   * Pairs in the order of their later example. Each example is paired with one other at most per list: exact with the first
   * of its kind, near with one that is no near duplicate itself, and only where it is not exact. Takes time in proportion to
   * the examples.
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
  /** Of all before the last answer; 0 and 0 where there is no prompt. */
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

    find({ isHeld, isSameRecord }) {
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
          // Only what stays when all pairs' later ones are taken out is compared with.
          if (other === -1) leaders.add(i);
          else near.push({ later: i, earlier: other, likeness: similarity(all, i, other) });
        }
        const asked = firstPrompt[i] ?? i;
        const hasPrompt = promptLow.at(i) !== 0 || promptHigh.at(i) !== 0;
        if (hasPrompt && asked !== i && answers.at(i) !== answers.at(asked) && !isSameRecord(i, asked)) {
          contradictions.push({ later: i, earlier: asked, likeness: 1 });
        }
      }

      const leakage: Pair[] = [];
      const pair = (a: number, b: number, likeness: number) =>
        leakage.push({ later: Math.max(a, b), earlier: Math.min(a, b), likeness });
      const held = Array.from({ length: count }, (_, i) => i).filter(isHeld);
      if (held.length > 0) {
        const trained = new NearIndex(all);
        /** By the first example with the same text: one of those that are trained on. */
        const trainedSame = new Int32Array(count).fill(-1);
        for (let i = 0; i < count; i++) {
          if (isHeld(i)) continue;
          const same = firstWhole[i] ?? i;
          if (trainedSame[same] !== -1) continue;
          trainedSame[same] = i;
          if (isSketched.at(i) === 1) trained.add(i);
        }
        for (const i of held) {
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

/** The whole example as it stands; prompt and last answer without regard to case and white space. */
function hashesOf(example: ChatExample | TextExample): { whole: TextHash; prompt: TextHash | null; answer: number } {
  const whole = new TextHash();
  if (example.kind === "text") return { whole: whole.add(example.text), prompt: null, answer: 0 };
  const { messages, tools } = example;
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  const prompt = new TextHash();
  let answer = 0;
  if (tools) {
    whole.add(JSON.stringify(tools));
    prompt.add(JSON.stringify(tools));
  }
  messages.forEach(({ role, content, toolCalls }, i) => {
    const calls = toolCalls ? JSON.stringify(toolCalls) : "";
    whole.add(role).add(content).add(calls);
    if (i < last) prompt.add(role).addLoosely(content).add(calls);
    if (i === last) answer = new TextHash().addLoosely(content).add(calls).low;
  });
  const asks = messages.slice(0, last).some(({ role }) => role !== "system");
  return { whole, prompt: asks ? prompt : null, answer };
}

/** System messages are often the same in all rows, and would make all rows alike. */
function comparedTexts(example: ChatExample | TextExample): string[] {
  return example.kind === "text"
    ? [example.text]
    : example.messages.filter(({ role }) => role !== "system").map(({ content }) => content);
}
