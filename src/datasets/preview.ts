/** Previews of rows: messages, rendered template and tokens, with the loss weight of each token. */

import { supervisedIn } from "../batching/batch.ts";
import type { PreviewExample, PreviewView, RowHead } from "../protocol/datasets.ts";
import {
  type Refused,
  refusalOf,
  type Tokenized,
  type TokenizeParts,
  tokenizeExample,
  withSpecialTokens,
} from "../quality/tokenize.ts";
import { answerChat, answerSides, tokenizeAnswers } from "../quality/tokenizeAnswers.ts";
import type { ChatExample, Example, PreferenceExample, TextExample } from "../records/example.ts";
import type { Converted } from "../records/formats/convert.ts";
import type { WeightedSegment } from "../tokenizer/segment.ts";
import { messagesOf, previewMessages, previewTool } from "./messages.ts";

export interface PreviewOptions {
  readonly view?: PreviewView;
  /** Whether a stage trains on preferences; otherwise their rows are shown with the reason for leaving them out. */
  readonly preferences?: boolean;
}

/** A chat or a text with its tokens, or each answer of a preference row; as a prompt, a row is one example. */
export function previewExamples(
  example: Example,
  parts: TokenizeParts,
  { view = "training", preferences = false }: PreviewOptions = {},
): PreviewExample[] {
  if (view === "prompt" && example.kind !== "text") {
    const prompt = promptOf(example);
    return [shownExample(prompt, tokenizePrompt(prompt, parts), parts, { isContext: true })];
  }
  if (example.kind !== "preference") return [chatPreview(example, parts)];
  const result = tokenizeAnswers(example, parts);
  const sides = answerSides.filter((side) => example[side].length > 0);
  return sides.map((side) => {
    const own = "answers" in result ? result.answers.find((answer) => answer.side === side) : undefined;
    const chat = own?.chat ?? answerChat(example, side);
    const begin = chat.messages.length - example[side].length;
    const refused = "answers" in result ? { problem: result.problem ?? "", outOfTime: false } : result;
    const shown = shownExample(chat, own?.tokenized ?? refused, parts);
    const problem = preferences ? shown.problem : preferenceProblem;
    return { ...shown, problem, answer: { side, paired: sides.length === 2, begin } };
  });
}

export const chatPreview = (example: ChatExample | TextExample, parts: TokenizeParts): PreviewExample =>
  shownExample(example, tokenizeExample(example, parts), parts);

/** An example with its tokens; one that cannot be rendered or tokenized has only messages and a problem. */
function shownExample(
  example: ChatExample | TextExample,
  result: Tokenized | Refused,
  { tokenizer }: Pick<TokenizeParts, "tokenizer">,
  { isContext = false } = {},
): PreviewExample {
  const tools = (example.kind === "chat" ? (example.tools ?? []) : []).map(previewTool);
  const turn = example.kind === "chat" && example.turn ? { turn: example.turn } : {};
  if (!("encoding" in result)) {
    const none = { text: "", spans: [], tokens: [], proof: "structure", supervised: 0, lost: 0 } as const;
    const messages = previewMessages(example, { dropped: [], isContext });
    return { messages, tools, ...turn, ...none, problem: result.problem };
  }
  const { encoding, proof, dropped, lost, problem } = result;
  const spans = spansOf(result);
  const inSequences = new Set(result.sequences.flatMap((sequence) => [...sequence.indices]));
  const { text, ids, mask, weights, starts, ends } = encoding;
  const tokens = Array.from(ids, (id, i) => {
    const start = starts[i] ?? 0;
    const end = ends[i] ?? 0;
    const touched = spans.filter((span) => span.start < end && start < span.end);
    return {
      id,
      text: tokenizer.show(id),
      start,
      end,
      weight: mask[i] === 1 ? (weights[i] ?? 0) : 0,
      straddles: touched.some(
        ({ supervised, weight }) => supervised !== touched[0]?.supervised || weight !== touched[0].weight,
      ),
      cut: problem === null && !inSequences.has(i),
    };
  });
  return {
    messages: previewMessages(example, { dropped, isContext }),
    tools,
    ...turn,
    text,
    spans: spans.map(({ weight: _, ...span }) => span),
    tokens,
    proof,
    supervised: supervisedIn(mask) - lost,
    lost,
    problem,
  };
}

/** The example without its last answer. */
function promptOf(example: ChatExample | PreferenceExample): ChatExample {
  if (example.kind === "preference") return { ...answerChat(example, "chosen"), messages: example.prompt };
  const { messages } = example;
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  return { ...example, messages: messages.slice(0, last === -1 ? messages.length : last) };
}

/** A prompt as for generation; the length limit does not apply to it. */
function tokenizePrompt(example: ChatExample, { tokenizer, template, settings }: TokenizeParts): Tokenized | Refused {
  const { messages, tools } = example;
  try {
    const {
      segments: plain,
      proof,
      dropped,
    } = template.render(
      { messages, ...(tools !== undefined && { tools }) },
      { system: settings.systemPrompt, generationPrompt: true },
    );
    const segments = withSpecialTokens(plain, example).map((segment) => ({ ...segment, supervised: false, weight: 0 }));
    const encoding = tokenizer.encode(segments);
    const positions = Int32Array.from(encoding.ids, (_, i) => i);
    const { ids, mask, weights } = encoding;
    const whole = { ids, mask, weights, indices: positions, supervised: 0, supervisedLost: 0, problem: null };
    return { segments, proof, dropped, encoding, sequences: [whole], lost: 0, problem: null };
  } catch (error) {
    return refusalOf(error);
  }
}

export const preferenceProblem = "a preference row, and no stage of this recipe trains on preferences";

/** The span of each segment in the text that the tokenizer reads. */
function spansOf({ segments, encoding }: Tokenized) {
  let start = 0;
  return segments.flatMap((segment: WeightedSegment, i) => {
    const end = encoding.segmentEnds[i] ?? start;
    const { role, message, kind, supervised, weight } = segment;
    const span = { start, end, role, message, kind, supervised, weight };
    start = end;
    return span.start === span.end ? [] : [span];
  });
}

/** Characters of a row's text in the list of rows. */
const headLength = 120;

/** The first question of an example, else its first text. */
function openingOf(example: Example | undefined): string {
  if (example?.kind === "text") return example.text;
  const messages = example ? (messagesOf(example) ?? []) : [];
  return (messages.find(({ role }) => role === "user") ?? messages[0])?.content ?? "";
}

/** The row's entry in the list of rows. `preferences`: whether a stage trains on them. */
export function headOf(
  row: number,
  converted: Converted | string,
  excluded: boolean,
  parts: TokenizeParts,
  preferences = false,
): RowHead {
  const none = { row, text: "", tokens: 0, supervised: 0, lost: 0 };
  if (typeof converted === "string") return { ...none, state: "left out", problem: converted };
  if ("problem" in converted) return { ...none, state: "left out", problem: converted.problem };
  const examples = converted.examples.map((body): Example => ({ ...body, row, line: 0 }));
  const text = openingOf(examples[0]).slice(0, headLength).replace(/\s+/g, " ").trim();
  let tokens = 0;
  let supervised = 0;
  let lost = 0;
  const problems: string[] = [];
  let unused = 0;
  const count = (result: Tokenized) => {
    tokens += result.encoding.ids.length;
    supervised += result.sequences.reduce((sum, sequence) => sum + sequence.supervised, 0);
    lost += result.lost;
  };
  for (const example of examples) {
    if (example.kind === "preference") {
      const result = tokenizeAnswers(example, parts);
      if ("answers" in result) for (const { tokenized } of result.answers) count(tokenized);
      if (!preferences) unused++;
      else if (result.problem !== null) problems.push(result.problem);
      continue;
    }
    const result = tokenizeExample(example, parts);
    if ("encoding" in result) count(result);
    if (result.problem !== null) problems.push(result.problem);
  }
  const counted = { row, text, tokens, supervised, lost };
  const [problem = null] = problems;
  if (excluded) return { ...counted, state: "excluded", problem };
  if (unused === examples.length) return { ...counted, state: "preference", problem: preferenceProblem };
  return { ...counted, state: problems.length === examples.length - unused ? "left out" : "used", problem };
}
