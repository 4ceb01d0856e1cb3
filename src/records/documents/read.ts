/** Reads a document into blocks: text, Markdown, HTML, PDF or Word. */

import type { ByteSource } from "../../tensor/bytes.ts";
import type { Block } from "./passages.ts";

interface DocumentOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called before each page of a PDF, with the pages that are read and all; a rejection ends the reading. */
  readonly onPage?: (done: number, total: number) => Promise<void>;
}

/** Most bytes of a document, which is read as a whole. */
const mostBytes = 512 * 2 ** 20;

const begins = (bytes: Uint8Array, text: string) => [...text].every((letter, i) => bytes[i] === letter.charCodeAt(0));

/** The content decides the format, then the name. Throws with the name and the way out, and the signal's reason. */
export async function readDocument(source: ByteSource, { signal, onPage }: DocumentOptions = {}): Promise<Block[]> {
  const { name, byteLength } = source;
  if (byteLength > mostBytes)
    throw new Error(`${name} has ${byteLength} bytes, more than ${mostBytes}: cut it into parts.`);
  const bytes = await source.slice(0, byteLength, signal);
  if (begins(bytes, "%PDF-")) {
    const { pdfBlocks } = await import("./pdf.ts");
    return pdfBlocks(name, bytes, onPage ?? (async () => undefined));
  }
  if (begins(bytes, "PK")) return (await import("./docx.ts")).docxBlocks(name, bytes);
  const text = textOf(name, bytes);
  if (/\.x?html?$/i.test(name) || /^\s*<(!doctype html|html)/i.test(text.slice(0, 1000)))
    return (await import("./html.ts")).htmlBlocks(text);
  return textBlocks(text);
}

/** Throws for bytes that are no text. */
function textOf(name: string, bytes: Uint8Array): string {
  const [a, b] = bytes;
  const encoding = a === 0xff && b === 0xfe ? "utf-16le" : a === 0xfe && b === 0xff ? "utf-16be" : "utf-8";
  const text = new TextDecoder(encoding).decode(bytes);
  if (text.includes("\0")) throw new Error(`${name} is no text, PDF, HTML or Word document: save it as one of these.`);
  return text;
}

/** Paragraphs end at empty lines; a Markdown heading is one line of its own. */
function textBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  for (const paragraph of text.replace(/\r\n?/g, "\n").split(/\n\s*\n/)) {
    let open: string[] = [];
    const close = () => {
      const line = open.join("\n").trim();
      if (line !== "") blocks.push({ text: line, page: null, heading: false });
      open = [];
    };
    for (const line of paragraph.split("\n")) {
      const [, heading] = /^#{1,6}\s+(.*?)\s*#*$/.exec(line) ?? [];
      if (heading === undefined) {
        open.push(line);
        continue;
      }
      close();
      blocks.push({ text: heading, page: null, heading: true });
    }
    close();
  }
  return blocks;
}
