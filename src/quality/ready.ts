/** Segments of a text that was rendered before it came to Hone: no template is applied to it. */

import type { Message, ReadyPiece } from "../records/example.ts";
import type { Rendered, Template } from "../templates/template.ts";
import type { Segment } from "../tokenizer/segment.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/**
 * The text as a rendering: its markers are control text, so that they become tokens, and the turns' own texts are content.
 * BOS is added where the template begins with it and the text does not.
 */
export function readyText(
  pieces: readonly ReadyPiece[],
  messages: readonly Message[],
  { bos }: Pick<Tokenizer, "bos">,
  { opensWithBos }: Pick<Template, "opensWithBos">,
): Rendered {
  const begins = pieces
    .slice(0, 2)
    .map(({ text }) => text)
    .join("")
    .trimStart();
  const missing = bos !== null && opensWithBos && !begins.startsWith(bos.text);
  const first: readonly Segment[] = missing
    ? [{ text: bos.text, kind: "control", role: null, message: null, answer: false }]
    : [];
  const segments = pieces.map(
    ({ text, marker, message, answer }): Segment => ({
      text,
      kind: marker ? "control" : "content",
      role: message === null ? null : (messages[message]?.role ?? null),
      message,
      answer,
    }),
  );
  return { segments: [...first, ...segments], proof: "structure", dropped: [] };
}
