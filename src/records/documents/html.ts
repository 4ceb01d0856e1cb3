/** The blocks of an HTML page: its visible text, a block per paragraph, heading, item and cell. */

import { Parser } from "htmlparser2";
import type { Block } from "./passages.ts";

const headings = new Set(["h1", "h2", "h3", "h4", "h5", "h6"]);
/** Elements whose text is not read. */
const silent = new Set([
  "script",
  "style",
  "title",
  "template",
  "noscript",
  "head",
  "svg",
  "nav",
  "select",
  "textarea",
]);
const inline = new Set(
  "a abbr b bdi bdo cite code data dfn em i img kbd mark q rp rt ruby s samp small span strong sub sup time u var wbr".split(
    " ",
  ),
);

export function htmlBlocks(html: string): Block[] {
  const blocks: Block[] = [];
  let text = "";
  let quiet = 0;
  let heading = 0;
  const close = () => {
    const line = text.replace(/\s+/g, " ").trim();
    if (line !== "") blocks.push({ text: line, page: null, heading: heading > 0 });
    text = "";
  };
  const parser = new Parser({
    onopentag(name) {
      if (silent.has(name)) quiet++;
      if (!inline.has(name)) close();
      if (headings.has(name)) heading++;
    },
    ontext(piece) {
      if (quiet === 0) text += piece;
    },
    onclosetag(name) {
      if (silent.has(name)) quiet = Math.max(0, quiet - 1);
      if (!inline.has(name)) close();
      if (headings.has(name)) heading = Math.max(0, heading - 1);
    },
  });
  parser.end(html);
  close();
  return blocks;
}
