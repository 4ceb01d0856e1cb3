/** The blocks of a PDF by pdf.js, which runs in this thread: it fetches nothing. */

import { getDocument, VerbosityLevel } from "pdfjs-dist/legacy/build/pdf.mjs";
import * as worker from "pdfjs-dist/legacy/build/pdf.worker.mjs";
import type { Block } from "./passages.ts";

/** pdf.js takes the code of its worker from here instead of fetching a file for a worker of its own. */
Object.assign(globalThis, { pdfjsWorker: worker });

interface Line {
  text: string;
  readonly y: number;
  readonly height: number;
}

/** Calls `onPage` with the pages read so far and all. Throws where the file is damaged, locked, or has no text. */
export async function pdfBlocks(
  name: string,
  bytes: Uint8Array,
  onPage: (done: number, total: number) => Promise<void>,
): Promise<Block[]> {
  // pdf.js detaches the buffer that it gets.
  const task = getDocument({
    data: bytes.slice(),
    verbosity: VerbosityLevel.ERRORS,
    useSystemFonts: false,
    disableFontFace: true,
    useWorkerFetch: false,
  });
  try {
    const document = await task.promise.catch((error: unknown) => {
      const locked = error instanceof Error && error.name === "PasswordException";
      const why = locked ? "is locked by a password" : "cannot be read as a PDF";
      throw new Error(`${name} ${why}: print it into a new PDF with another program.`, { cause: error });
    });
    const blocks: Block[] = [];
    for (let page = 1; page <= document.numPages; page++) {
      await onPage(page - 1, document.numPages);
      const { items } = await (await document.getPage(page)).getTextContent();
      blocks.push(...pageBlocks(linesOf(items), page));
    }
    if (blocks.length === 0) {
      throw new Error(
        `${name} has no text: its pages may be pictures. Run text recognition with another program first.`,
      );
    }
    return blocks;
  } finally {
    await task.destroy();
  }
}

type Items = Awaited<
  ReturnType<Awaited<ReturnType<Awaited<ReturnType<typeof getDocument>["promise"]>["getPage"]>>["getTextContent"]>
>["items"];

function linesOf(items: Items): Line[] {
  const lines: Line[] = [];
  let open: Line | null = null;
  for (const item of items) {
    if (!("str" in item)) continue;
    const y = Number(item.transform[5]);
    if (item.str !== "") {
      if (open) open.text += item.str;
      else {
        open = { text: item.str, y, height: item.height || 10 };
        lines.push(open);
      }
    }
    if (item.hasEOL) open = null;
  }
  return lines.filter(({ text }) => text.trim() !== "");
}

/** Joins lines into paragraphs: a gap of more than 1.7 heights, or another height, ends one. */
function pageBlocks(lines: readonly Line[], page: number): Block[] {
  const usual = lines.map(({ height }) => height).sort((a, b) => a - b)[lines.length >> 1] ?? 10;
  const blocks: { text: string; readonly page: number; readonly heading: boolean }[] = [];
  let before: Line | null = null;
  for (const line of lines) {
    const open = blocks.at(-1);
    const gap = before ? Math.abs(before.y - line.y) / Math.max(before.height, line.height) : Number.POSITIVE_INFINITY;
    const same = before !== null && Math.abs(before.height - line.height) < 0.15 * usual;
    if (open && same && gap <= 1.7) open.text = joined(open.text, line.text);
    else blocks.push({ text: line.text.trim(), page, heading: line.height > 1.2 * usual && line.text.length < 120 });
    before = line;
  }
  return blocks;
}

/** A word that is divided at the end of a line is joined. */
const joined = (a: string, b: string) =>
  /\p{Ll}-$/u.test(a) && /^\p{Ll}/u.test(b) ? a.slice(0, -1) + b : `${a.trimEnd()} ${b.trim()}`;
