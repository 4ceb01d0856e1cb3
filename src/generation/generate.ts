/** Generates an answer to a prompt, token by token. */

import { type BatchRequest, createBatchGenerator, type Generation, type GeneratorParts } from "./batch.ts";

export interface GenerationRequest extends BatchRequest {
  readonly signal?: AbortSignal;
}

export type Generate = (request: GenerationRequest) => Promise<Generation>;

/**
 * Creates a generator, which uses the current values of the parameters. Between two tokens it lets the thread's other tasks
 * run and checks the signal. It throws a RangeError for settings outside their range and for a prompt that is empty or fills
 * the context; it always frees its caches.
 */
export function createGenerator(parts: GeneratorParts): Generate {
  const generate = createBatchGenerator(parts);
  return async ({ signal, ...request }) => {
    checkPrompt(request, parts.contextLength);
    const [generation] = await generate([request], { ...(signal && { signal }) });
    return generation as Generation;
  };
}

function checkPrompt({ prompt }: BatchRequest, contextLength: number): void {
  if (prompt.length === 0) throw new RangeError("The prompt is empty: give at least one token.");
  if (prompt.length >= contextLength) {
    throw new RangeError(
      `The prompt has ${prompt.length} tokens and the model's context ${contextLength}: ` +
        "shorten it or begin a new conversation, so that an answer has room.",
    );
  }
}
