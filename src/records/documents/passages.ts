/** Cuts a document's blocks into passages: short enough for a question each, in order, with page and heading. */

/** A paragraph, a heading or an item of a list. */
export interface Block {
  readonly text: string;
  /** From 1; null where the format has no pages. */
  readonly page: number | null;
  readonly heading: boolean;
}

export interface Passage {
  readonly text: string;
  /** The page on which it begins. */
  readonly page: number | null;
  /** The last heading before it; null without one. */
  readonly heading: string | null;
}

/** Usual most characters of a passage: about 200 tokens, a page of a pocket book. */
export const usualLength = 900;

/** Sentences, each with the space after it. */
const sentences = (text: string) => text.match(/[^.!?。！？]*[.!?。！？]+["'”’)\]]*\s*|[^.!?。！？]+$/g) ?? [text];

/** Pieces of at most `longest` characters, cut after sentences, else after words, else anywhere. */
function pieces(text: string, longest: number): string[] {
  if (text.length <= longest) return [text];
  const parts: string[] = [];
  let open = "";
  const close = () => {
    if (open.trim() !== "") parts.push(open.trim());
    open = "";
  };
  for (const sentence of sentences(text)) {
    if (open.length + sentence.length > longest) close();
    let rest = sentence;
    while (rest.length > longest) {
      const space = rest.lastIndexOf(" ", longest);
      const end = space > longest / 2 ? space : longest;
      parts.push(rest.slice(0, end).trim());
      rest = rest.slice(end);
    }
    open += rest;
  }
  close();
  return parts;
}

/** Passages of at most `longest` characters. A passage ends at a heading and at the end of a page; headings alone give none. */
export function passagesOf(blocks: readonly Block[], longest = usualLength): Passage[] {
  const passages: Passage[] = [];
  let heading: string | null = null;
  let open: { text: string; readonly page: number | null } | null = null;
  const close = () => {
    if (open) passages.push({ ...open, heading });
    open = null;
  };
  for (const block of blocks) {
    const text = block.text.trim();
    if (text === "") continue;
    if (block.heading) {
      close();
      heading = text;
      continue;
    }
    for (const piece of pieces(text, longest)) {
      const before: { text: string; readonly page: number | null } | null = open;
      if (before && before.page === block.page && before.text.length + 1 + piece.length <= longest) {
        before.text += `\n${piece}`;
      } else {
        close();
        open = { text: piece, page: block.page };
      }
    }
  }
  close();
  return passages;
}
