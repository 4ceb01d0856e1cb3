/** Turns an example into training sequences: renders, weighs, tokenizes and truncates it. */

import { type Truncated, type Truncation, truncate, windows } from "../batching/truncate.ts";
import type { ChatExample, Example } from "../records/example.ts";
import type { MaskMode, TemplateChoice } from "../templates/choice.ts";
import { OutOfTime } from "../templates/clock.ts";
import { renderText, weigh } from "../templates/mask.ts";
import type { Dropped, SpanProof, Template } from "../templates/template.ts";
import type { Segment, WeightedSegment } from "../tokenizer/segment.ts";
import type { Encoding, Tokenizer } from "../tokenizer/tokenizer.ts";
import { readyText } from "./ready.ts";

/** The settings that determine the tokens and loss weights of a row. */
export interface DataSettings {
  readonly template: TemplateChoice;
  /** System prompt for rows without a system message; null for none. */
  readonly systemPrompt: string | null;
  readonly mask: MaskMode;
  /** Longest sequence in tokens. */
  readonly maxLength: number;
  readonly truncation: Truncation;
  /**
   * "each": every answer of a conversation is an example of its own, with the turns before it as the template writes them
   * then. "together" (the default, and in runs before December 2026): one example with all answers.
   */
  readonly turns?: "together" | "each";
  /** "tags": reasoning goes before the answer's text in `<think>` tags; "template" (the default): to the template. */
  readonly reasoning?: "template" | "tags";
}

export interface TokenizeParts {
  readonly tokenizer: Tokenizer;
  readonly template: Template;
  readonly settings: Pick<DataSettings, "systemPrompt" | "mask" | "maxLength" | "truncation">;
}

/** A tokenized example. */
export interface Tokenized {
  readonly segments: readonly WeightedSegment[];
  readonly proof: SpanProof;
  /** Texts of the row that the template does not write. */
  readonly dropped: readonly Dropped[];
  readonly encoding: Encoding;
  /** One sequence for a chat, consecutive windows for plain text; empty when the example is left out. */
  readonly sequences: readonly Truncated[];
  /** Supervised tokens that the length limit removed. */
  readonly lost: number;
  /** The reason why the example is left out; null when it is used. */
  readonly problem: string | null;
}

/** An example that the template or the tokenizer cannot process. */
export interface Refused {
  readonly problem: string;
  /** Whether the template exceeded its time limit. */
  readonly outOfTime: boolean;
}

/** Renders, weighs and tokenizes one example. Never throws: an error of template or tokenizer becomes its problem. */
export function tokenizeExample(
  example: Exclude<Example, { kind: "preference" }>,
  { tokenizer, template, settings }: TokenizeParts,
): Tokenized | Refused {
  const { maxLength, mask, truncation } = settings;
  try {
    if (example.kind === "text") {
      const segments = withSpecialTokens(renderText(example.text, tokenizer), example);
      const encoding = tokenizer.encode(segments);
      // The last window of a text may have no supervised token.
      const sequences = windows(encoding, { maxLength, bosId: tokenizer.bos?.id ?? null }).filter(
        ({ problem }) => problem === null,
      );
      return judged({ segments, proof: "structure", dropped: [], encoding, sequences, lost: 0 });
    }
    const whole = renderChat(example, { tokenizer, template, settings }, mask);
    const cut = truncate(whole.encoding, { maxLength, mode: truncation, bosId: tokenizer.bos?.id ?? null });
    const tokenized = judged({ ...whole, sequences: [cut], lost: cut.supervisedLost });
    return tokenized.problem === null && cut.problem !== null
      ? { ...tokenized, sequences: [], problem: cut.problem }
      : tokenized;
  } catch (error) {
    return refusalOf(error);
  }
}

/** A chat with its mask and tokens, of any length and without sequences. Never throws. */
export function tokenizeChat(example: ChatExample, parts: TokenizeParts, mask: MaskMode): Tokenized | Refused {
  try {
    return { ...renderChat(example, parts, mask), sequences: [], lost: 0, problem: null };
  } catch (error) {
    return refusalOf(error);
  }
}

function renderChat(
  example: ChatExample,
  { tokenizer, template, settings }: TokenizeParts,
  mask: MaskMode,
): Omit<Tokenized, "sequences" | "lost" | "problem"> {
  const { messages, tools, ready } = example;
  const {
    segments: plain,
    proof,
    dropped,
  } = ready
    ? readyText(ready, messages, tokenizer, template)
    : template.render({ messages, ...(tools !== undefined && { tools }) }, { system: settings.systemPrompt });
  const segments = weigh(withSpecialTokens(plain, example), messages, mask);
  return { segments, proof, dropped, encoding: tokenizer.encode(segments) };
}

/** Lets texts of special tokens be these tokens, where the example's source says so. */
export const withSpecialTokens = <S extends Segment>(
  segments: readonly S[],
  { specialTokens = false }: Pick<Example, "specialTokens">,
): readonly S[] => (specialTokens ? segments.map((segment) => ({ ...segment, specialTokens })) : segments);

/** The problem of an example, from the error that rendering or tokenizing threw. */
export const refusalOf = (error: unknown): Refused => ({
  problem: error instanceof Error ? error.message : String(error),
  outOfTime: error instanceof OutOfTime,
});

/** A row without a supervised token would make the loss of its step NaN, so it is left out. */
function judged(tokenized: Omit<Tokenized, "problem">): Tokenized {
  if (tokenized.encoding.mask.includes(1)) return { ...tokenized, problem: null };
  return { ...tokenized, sequences: [], problem: "no supervised token: every response has weight 0" };
}
