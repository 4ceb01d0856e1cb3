/** Previews of rows: messages, rendered template and tokens, with the loss weight of each token. */

import { supervisedIn } from "../batching/batch.ts";
import type { PreviewExample, PreviewView, RowHead } from "../protocol/datasets.ts";
import {
  refusalOf,
  type Tokenized,
  type TokenizeParts,
  tokenizeExample,
  withSpecialTokens,
} from "../quality/tokenize.ts";
import type { ChatExample, Example, Message } from "../records/example.ts";
import type { Converted } from "../records/formats/convert.ts";
import type { WeightedSegment } from "../tokenizer/segment.ts";
import { messagesOf, previewMessages, previewTool } from "./messages.ts";

/** An example with its tokens; one that cannot be rendered or tokenized has only messages and a problem. */
export function previewExample(example: Example, parts: TokenizeParts, view: PreviewView = "training"): PreviewExample {
  const promptOnly = view === "prompt" && example.kind === "chat";
  const shown = promptOnly ? { ...example, messages: beforeLastAnswer(example) } : example;
  const messages = previewMessages(shown, { dropped: [], isContext: promptOnly });
  const tools = (example.kind === "chat" ? (example.tools ?? []) : []).map(previewTool);
  const none = { text: "", spans: [], tokens: [], proof: "structure", supervised: 0, lost: 0 } as const;
  const turn = example.kind === "chat" && example.turn ? { turn: example.turn } : {};
  const nothing = { messages, tools, ...turn, ...none };
  if (example.kind === "preference") return { ...nothing, problem: preferenceProblem };
  const result = promptOnly ? tokenizePrompt(example, parts) : tokenizeExample(example, parts);
  if (!("encoding" in result)) return { ...nothing, problem: result.problem };
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
      text: parts.tokenizer.show(id),
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
    messages: previewMessages(shown, { dropped, isContext: promptOnly }),
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

function beforeLastAnswer({ messages }: ChatExample): readonly Message[] {
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  return messages.slice(0, last === -1 ? messages.length : last);
}

/** The prompt of a chat's last answer, as for generation; the length limit does not apply to it. */
function tokenizePrompt(example: ChatExample, { tokenizer, template, settings }: TokenizeParts) {
  const { tools } = example;
  try {
    const {
      segments: plain,
      proof,
      dropped,
    } = template.render(
      { messages: beforeLastAnswer(example), ...(tools !== undefined && { tools }) },
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

export const preferenceProblem = "a preference row: it is kept, and supervised fine-tuning does not learn from it";

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

/** The row's entry in the list of rows. */
export function headOf(row: number, converted: Converted | string, excluded: boolean, parts: TokenizeParts): RowHead {
  const none = { row, text: "", tokens: 0, supervised: 0, lost: 0 };
  if (typeof converted === "string") return { ...none, state: "left out", problem: converted };
  if ("problem" in converted) return { ...none, state: "left out", problem: converted.problem };
  const examples = converted.examples.map((body): Example => ({ ...body, row, line: 0 }));
  const text = openingOf(examples[0]).slice(0, headLength).replace(/\s+/g, " ").trim();
  let tokens = 0;
  let supervised = 0;
  let lost = 0;
  const problems: string[] = [];
  let preferences = 0;
  for (const example of examples) {
    if (example.kind === "preference") {
      preferences++;
      continue;
    }
    const result = tokenizeExample(example, parts);
    if (!("encoding" in result)) problems.push(result.problem);
    else {
      tokens += result.encoding.ids.length;
      supervised += result.sequences.reduce((sum, sequence) => sum + sequence.supervised, 0);
      lost += result.lost;
      if (result.problem !== null) problems.push(result.problem);
    }
  }
  const counted = { row, text, tokens, supervised, lost };
  const [problem = null] = problems;
  if (excluded) return { ...counted, state: "excluded", problem };
  if (preferences === examples.length) return { ...counted, state: "preference", problem: preferenceProblem };
  return { ...counted, state: problems.length === examples.length - preferences ? "left out" : "used", problem };
}
