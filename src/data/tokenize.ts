/** Examples to token ids and loss weights, and the hard checks that come before a run. */

import type { TokenizedExample } from "./batch.ts";
import type { Example, RowProblem } from "./example.ts";
import { render, type Template } from "./template.ts";
import type { Encoding, Tokenizer } from "./tokenizer.ts";

export interface TokenizeOptions {
  /** Longest sequence in tokens. */
  readonly maxLength: number;
  /** Put before rows that bring no system message. */
  readonly system: string | null;
}

export interface TokenizeResult {
  readonly examples: readonly TokenizedExample[];
  /** Rows left out: too long, nothing to learn, or text that the vocabulary cannot represent. */
  readonly problems: readonly RowProblem[];
  /** Tokens over a border of the loss mask; they weigh 0. */
  readonly straddled: number;
}

/** Renders and tokenises every row; a row that cannot be used is reported, never cut. */
export function tokenizeExamples(
  examples: readonly Example[],
  tokenizer: Tokenizer,
  template: Template,
  { maxLength, system }: TokenizeOptions,
): TokenizeResult {
  const tokenized: TokenizedExample[] = [];
  const problems: RowProblem[] = [];
  let straddled = 0;
  for (const { messages, row, line } of examples) {
    const drop = (message: string) => problems.push({ line, message });
    let encoding: Encoding;
    try {
      encoding = tokenizer.encode(render(template, messages, { system }));
    } catch (error) {
      drop(error instanceof Error ? error.message : String(error));
      continue;
    }
    const { ids, weights } = encoding;
    if (ids.length > maxLength) {
      drop(`${ids.length} tokens exceed the limit of ${maxLength}; raise the length or shorten the row`);
    } else if (!weights.some((weight) => weight > 0)) {
      drop("no token to learn: every response has weight 0");
    } else {
      straddled += encoding.straddled;
      tokenized.push({ row, ids, weights });
    }
  }
  return { examples: tokenized, problems, straddled };
}

/**
 * Throws when a run on these examples could not work: no example at all, a response whose supervised tokens do not end
 * in a stop token, a missing, needless or doubled BOS (DOMAIN.md, "What goes wrong elsewhere", 1 to 3).
 */
export function preflight(examples: readonly TokenizedExample[], tokenizer: Tokenizer, template: Template): void {
  if (examples.length === 0) {
    throw new Error(
      "No row is left to train on. See the list of rows left out: most often they exceed the length limit.",
    );
  }
  const { bos } = tokenizer;
  const stops = new Set(template.stopIds);
  for (const { row, ids, weights } of examples) {
    const fail = (reason: string) => {
      throw new Error(
        `Row ${row + 1}: ${reason}. Training on it would teach the model wrongly, so the run was not started.`,
      );
    };
    if (bos) {
      const other = ids.findIndex((id) => id !== bos.id);
      const found = other === -1 ? ids.length : other;
      const wanted = template.opensWithBos ? 1 : 0;
      if (found !== wanted) fail(`it begins with ${found} tokens "${bos.text}", and the model wants ${wanted}`);
    }
    let supervised = 0;
    weights.forEach((weight, i) => {
      if (!(weight > 0)) return;
      supervised++;
      const id = ids[i] ?? -1;
      if (!((weights[i + 1] ?? 0) > 0) && !stops.has(id)) {
        fail(`a response ends in token ${id} and not in a stop token (${template.stopIds.join(" or ")})`);
      }
    });
    if (supervised === 0) fail("no token is supervised");
    if ((weights[0] ?? 0) !== 0) fail("its first token is supervised, and nothing predicts it");
  }
}
