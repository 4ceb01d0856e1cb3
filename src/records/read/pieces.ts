/** Cuts text and Markdown into rows. */

import type { Emit, RowParser } from "./row.ts";

/** Characters of a piece, without the blank lines after it. */
const pieceLength = 8000;

/** Characters of white space after a piece that still belong to it. */
const mostBlank = 1 << 16;

/**
 * Cuts text at blank lines into pieces of about 8,000 characters, a longer paragraph at line ends, and a longer line between
 * any two characters. Markdown is first cut at headings of level 1 and 2 outside fenced code. CR LF becomes LF.
 */
export function createTextParser(markdown: boolean, emit: Emit): RowParser {
  let line = 1;
  /** The section's text that is not emitted yet. */
  let section = "";
  /** In Markdown, the incomplete last line. */
  let partial = "";
  /** Whether the beginning of that line is in `section` already. */
  let partialAdded = false;
  /** A CR at the end of a piece: the next one may begin with LF. */
  let carriageReturn = "";
  let fence: { mark: string; length: number } | null = null;

  const cut = (last: boolean) => {
    for (let length = nextPiece(section, last); length !== null; length = nextPiece(section, last)) {
      const piece = section.slice(0, length);
      section = section.slice(length);
      emitPiece(piece);
    }
  };
  const emitPiece = (value: string) => {
    if (value.trim() !== "") emit({ line, value }, value.length);
    for (let at = value.indexOf("\n"); at >= 0; at = value.indexOf("\n", at + 1)) line++;
  };
  /** Adds a line, or a part of a long line. */
  const addLine = (text: string, begins: boolean) => {
    if (begins) {
      const mark = /^ {0,3}(`{3,}|~{3,})(.*)/.exec(text);
      if (fence) {
        const matches = mark?.[1]?.[0] === fence.mark && mark[1].length >= fence.length;
        if (matches && mark[2]?.trim() === "") fence = null;
      } else if (mark?.[1] && !(mark[1][0] === "`" && mark[2]?.includes("`"))) {
        fence = { mark: mark[1][0] ?? "`", length: mark[1].length };
      } else if (/^ {0,3}#{1,2}(?:[ \t\n]|$)/.test(text) && section.trim() !== "") {
        cut(true);
      }
    }
    section += text;
  };

  return {
    kind: markdown ? "markdown" : "text",
    push(piece) {
      let text = carriageReturn + piece;
      carriageReturn = text.endsWith("\r") ? "\r" : "";
      text = (carriageReturn ? text.slice(0, -1) : text).replaceAll("\r\n", "\n");
      if (!markdown) {
        section += text;
        return cut(false);
      }
      let start = 0;
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
        addLine(partial + text.slice(start, end + 1), !partialAdded);
        partial = "";
        partialAdded = false;
        start = end + 1;
      }
      partial += text.slice(start);
      if (partial.length > pieceLength) {
        addLine(partial, !partialAdded);
        partial = "";
        partialAdded = true;
      }
      cut(false);
    },
    end() {
      if (markdown) addLine(partial + carriageReturn, !partialAdded);
      else section += carriageReturn;
      cut(true);
    },
  };
}

/** Length of the text's next piece; null if there is none, or its end is not known yet. */
function nextPiece(text: string, last: boolean): number | null {
  const first = firstNonSpace(text, 0);
  if (first >= mostBlank) return mostBlank;
  const most = first + pieceLength;
  if (text.length <= most) return last && text !== "" ? text.length : null;

  let end = 0;
  for (const blank of text.slice(0, most).matchAll(/\n[ \t]*(?=\n)/g)) end = blank.index + blank[0].length + 1;
  if (end <= first) end = text.lastIndexOf("\n", most - 1) + 1;
  if (end <= first) end = isHighSurrogate(text, most - 1) ? most - 1 : most;

  // The white space after a piece belongs to it, up to the line on which the next piece begins.
  const next = firstNonSpace(text, end);
  if (next - end >= mostBlank) return end + mostBlank;
  if (next === text.length) return last ? next : null;
  return Math.max(end, text.lastIndexOf("\n", next) + 1);
}

/** Index of the first character from `from` that is not white space, else the text's length. */
function firstNonSpace(text: string, from: number): number {
  const nonSpace = /\S/g;
  nonSpace.lastIndex = from;
  return nonSpace.exec(text)?.index ?? text.length;
}

function isHighSurrogate(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code >= 0xd800 && code < 0xdc00;
}
