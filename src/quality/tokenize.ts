/** An example to the sequences that are trained on: rendered, weighed, tokenised, and cut to length. */

import { type Truncated, type Truncation, truncate, windows } from "../batching/truncate.ts";
import type { Example } from "../records/example.ts";
import type { MaskMode, TemplateChoice } from "../templates/choice.ts";
import { OutOfTime } from "../templates/clock.ts";
import { renderText, weigh } from "../templates/mask.ts";
import type { SpanProof, Template } from "../templates/template.ts";
import type { WeightedSegment } from "../tokenizer/segment.ts";
import type { Encoding, Tokenizer } from "../tokenizer/tokenizer.ts";

/** The settings that decide which tokens with which weights a row becomes. */
export interface DataSettings {
  readonly template: TemplateChoice;
  /** Put before rows that bring no system message; null for none. */
  readonly systemPrompt: string | null;
  readonly mask: MaskMode;
  /** Longest sequence in tokens. */
  readonly maxLength: number;
  readonly truncation: Truncation;
}

export interface TokenizeParts {
  readonly tokenizer: Tokenizer;
  readonly template: Template;
  readonly settings: Pick<DataSettings, "systemPrompt" | "mask" | "maxLength" | "truncation">;
}

/** What one example becomes. */
export interface Tokenized {
  readonly segments: readonly WeightedSegment[];
  readonly proof: SpanProof;
  readonly encoding: Encoding;
  /** A chat gives one sequence; plain text as many consecutive windows as it needs. Empty when it cannot be used. */
  readonly sequences: readonly Truncated[];
  /** Learnt tokens that the length limit cut away. */
  readonly lost: number;
  /** Why it is left out; null when it is used. */
  readonly problem: string | null;
}

/** An example that the template or the vocabulary refuses. */
export interface Refused {
  readonly problem: string;
  /** Whether the template took too long. */
  readonly outOfTime: boolean;
}

/**
 * Renders, weighs and tokenises one example; preference examples are not for this. Never throws for what a row holds:
 * text that the template refuses or that the vocabulary lacks comes back as the problem alone.
 */
export function tokenizeExample(
  example: Exclude<Example, { kind: "preference" }>,
  { tokenizer, template, settings }: TokenizeParts,
): Tokenized | Refused {
  const { maxLength, mask, systemPrompt, truncation } = settings;
  try {
    if (example.kind === "text") {
      const segments = renderText(example.text, tokenizer);
      const encoding = tokenizer.encode(segments);
      // The last window of a text may be so short that nothing of it is learnt.
      const sequences = windows(encoding, { maxLength, bosId: tokenizer.bos?.id ?? null }).filter(
        ({ problem }) => problem === null,
      );
      return judged({ segments, proof: "structure", encoding, sequences, lost: 0 });
    }
    const { messages, tools } = example;
    const { segments: plain, proof } = template.render(
      { messages, ...(tools !== undefined && { tools }) },
      { system: systemPrompt },
    );
    const segments = weigh(plain, messages, mask);
    const encoding = tokenizer.encode(segments);
    const cut = truncate(encoding, { maxLength, mode: truncation, bosId: tokenizer.bos?.id ?? null });
    const tokenized = judged({ segments, proof, encoding, sequences: [cut], lost: cut.supervisedLost });
    return tokenized.problem === null && cut.problem !== null
      ? { ...tokenized, sequences: [], problem: cut.problem }
      : tokenized;
  } catch (error) {
    return refusalOf(error);
  }
}

/** Why an example cannot be used, from what rendering or tokenizing it threw. */
export const refusalOf = (error: unknown): Refused => ({
  problem: error instanceof Error ? error.message : String(error),
  outOfTime: error instanceof OutOfTime,
});

/** A row without a supervised token would make the loss of its step NaN, so it is left out. */
function judged(tokenized: Omit<Tokenized, "problem">): Tokenized {
  if (tokenized.encoding.mask.includes(1)) return { ...tokenized, problem: null };
  return { ...tokenized, sequences: [], problem: "no supervised token: every response has weight 0" };
}
