/** Recognises texts that a chat template rendered already, and reads them back into messages. */

import { readBrackets } from "./readyBrackets.ts";
import type { ReadyText } from "./readyPieces.ts";
import { readTagged } from "./readyTagged.ts";

export type { ReadyText } from "./readyPieces.ts";

/**
 * The messages of a text that begins with a turn's header (after BOS and white space) and consists of turns of one known
 * template; null for other texts, also those that only mention a marker. The last turn may be unfinished. Text between a
 * header and its end is a message's content, unchanged. Linear in the text's length.
 */
export function readReady(text: string): ReadyText | null {
  return readTagged(text) ?? readBrackets(text);
}
