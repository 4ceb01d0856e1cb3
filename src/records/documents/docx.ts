/** The blocks of a Word document: the paragraphs of word/document.xml, without deleted text and field codes. */

import { unzipSync } from "fflate";
import { Parser } from "htmlparser2";
import type { Block } from "./passages.ts";

/** Most bytes of the unpacked text: a zip of a few kilobytes can unpack to gigabytes. */
const mostBytes = 256 * 2 ** 20;

const main = "word/document.xml";

/** Throws where the zip has no Word document, or one that is too large. */
export function docxBlocks(name: string, bytes: Uint8Array): Block[] {
  const found = unzipSync(bytes, {
    filter({ name: path, originalSize }) {
      if (path === main && originalSize > mostBytes) {
        throw new Error(`${name} unpacks to ${originalSize} bytes, more than ${mostBytes}: cut it into parts.`);
      }
      return path === main;
    },
  })[main];
  if (!found) throw new Error(`${name} is a zip without ${main}, so it is no Word document: save it as .docx.`);
  return xmlBlocks(new TextDecoder().decode(found));
}

/**
 * Pages count from page breaks, and from the places where Word last began a page (`lastRenderedPageBreak`); Word writes the latter
 * after a break as well, which then counts once.
 */
function xmlBlocks(xml: string): Block[] {
  const blocks: Block[] = [];
  let text = "";
  let page = 1;
  let begun: number | null = null;
  let heading = false;
  let reads = false;
  let deleted = 0;
  let justBroken = false;
  const add = (piece: string) => {
    if (piece.trim() !== "") {
      justBroken = false;
      begun ??= page;
    }
    text += piece;
  };
  const nextPage = () => {
    page++;
    justBroken = true;
  };
  const close = () => {
    if (text.trim() !== "") blocks.push({ text: text.trim(), page: begun ?? page, heading });
    text = "";
    begun = null;
    heading = false;
  };
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        if (name === "w:p") close();
        else if (name === "w:pStyle") heading = /^(heading|title)/i.test(attributes["w:val"] ?? "");
        else if (name === "w:t") reads = true;
        else if (name === "w:del" || name === "w:moveFrom") deleted++;
        else if (name === "w:tab") add("\t");
        else if (name === "w:lastRenderedPageBreak" && !justBroken) nextPage();
        else if (name === "w:br" || name === "w:cr") {
          if (attributes["w:type"] === "page") nextPage();
          else add("\n");
        }
      },
      ontext(piece) {
        if (reads && deleted === 0) add(piece);
      },
      onclosetag(name) {
        if (name === "w:t") reads = false;
        else if (name === "w:del" || name === "w:moveFrom") deleted--;
        else if (name === "w:p") close();
      },
    },
    { xmlMode: true },
  );
  parser.end(xml);
  close();
  return blocks;
}
