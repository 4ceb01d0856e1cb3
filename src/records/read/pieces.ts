/** Text and Markdown as rows: pieces that joined give back the file. */

import type { Emit, RowParser } from "./row.ts";

/** Characters of a piece; a little more where blank lines follow. */
const pieceLength = 8000;

/** A piece takes the blank lines after it along, up to this many characters. More is left out. */
const mostBlank = 1 << 20;

/**
 * Cuts text at blank lines into pieces of up to about 8,000 characters; a longer paragraph at line ends, a longer line
 * anywhere but within a character. Markdown is cut at headings of level 1 and 2 first, those in fenced code aside.
 * CR and LF become LF.
 */
export function createTextParser(markdown: boolean, emit: Emit): RowParser {
  let line = 1;
  /** Of the section, what is not emitted yet. */
  let section = "";
  /** Markdown: the line that is not complete yet. */
  let partial = "";
  let partialKnown = false;
  let returned = "";
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
  /** A line, or the beginning of one that is too long to wait for its end. */
  const takeLine = (text: string, begins: boolean) => {
    if (begins) {
      const mark = /^ {0,3}(`{3,}|~{3,})(.*)/.exec(text);
      if (fence) {
        const mine = mark?.[1]?.[0] === fence.mark && mark[1].length >= fence.length;
        if (mine && mark[2]?.trim() === "") fence = null;
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
      let text = returned + piece;
      returned = text.endsWith("\r") ? "\r" : "";
      text = (returned ? text.slice(0, -1) : text).replaceAll("\r\n", "\n");
      if (!markdown) {
        section += text;
        return cut(false);
      }
      let start = 0;
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
        takeLine(partial + text.slice(start, end + 1), !partialKnown);
        partial = "";
        partialKnown = false;
        start = end + 1;
      }
      partial += text.slice(start);
      if (partial.length > pieceLength) {
        takeLine(partial, !partialKnown);
        partial = "";
        partialKnown = true;
      }
      cut(false);
    },
    end() {
      if (markdown) takeLine(partial + returned, !partialKnown);
      else section += returned;
      cut(true);
    },
  };
}

/** Length of the text's next piece; null where more text is needed to tell, or there is none. */
function nextPiece(text: string, last: boolean): number | null {
  const first = firstWritten(text, 0);
  if (first >= mostBlank) return mostBlank;
  const most = first + pieceLength;
  if (text.length <= most) return last && text !== "" ? text.length : null;

  let end = 0;
  for (const blank of text.slice(0, most).matchAll(/\n[ \t]*(?=\n)/g)) end = blank.index + blank[0].length + 1;
  if (end <= first) end = text.lastIndexOf("\n", most - 1) + 1;
  if (end <= first) end = isHighSurrogate(text, most - 1) ? most - 1 : most;

  // White space after it comes along, up to the line on which the next piece begins.
  const next = firstWritten(text, end);
  if (next - end >= mostBlank) return end + mostBlank;
  if (next === text.length) return last ? next : null;
  return Math.max(end, text.lastIndexOf("\n", next) + 1);
}

/** Place of the first character from `from` on that is no white space; the text's length when there is none. */
function firstWritten(text: string, from: number): number {
  const written = /\S/g;
  written.lastIndex = from;
  return written.exec(text)?.index ?? text.length;
}

function isHighSurrogate(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code >= 0xd800 && code < 0xdc00;
}
