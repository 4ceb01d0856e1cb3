/** Tracks the brackets and strings of JSON text, character by character. */

import { maxDepth } from "./exactJson.ts";

const quoteCode = 0x22;
export const comma = 0x2c;
export const colon = 0x3a;
export const openList = 0x5b;
const backslash = 0x5c;
export const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
export const newline = 0x0a;

export const isSpace = (code: number) => code === 0x20 || code === 0x0d || code === 0x09 || code === newline;
export const isOpen = (code: number) => code === openObject || code === openList;
export const isClose = (code: number) => code === closeObject || code === closeList;

/** Tracks brackets and strings. A string ends at the end of its line, because JSON allows no line break within a string. */
export function createNesting() {
  let depth = 0;
  let inString = false;
  let escaped = false;
  /** The last character outside strings, without white space; a string counts as its quote. */
  let previous = 0;
  const containers = new Uint8Array(maxDepth + 1);
  return {
    get depth() {
      return depth;
    },
    get inString() {
      return inString;
    },
    get previous() {
      return previous;
    },
    /** Whether JSON allows a list or an object to begin here. */
    mayOpen(): boolean {
      if (depth === 0 || depth > maxDepth) return true;
      if (containers[depth - 1] === openObject) return previous === colon;
      return previous === openList || previous === comma;
    },
    /** Continues outside all brackets. */
    reset() {
      depth = 0;
      previous = 0;
    },
    endOfLine() {
      inString = false;
      escaped = false;
    },
    /** Index of the closing quote of the open string, or of its line's end; else the text's length. */
    stringEnd(text: string, from: number): number {
      let at = from;
      if (escaped && at < text.length && text.charCodeAt(at) !== newline) at++;
      escaped = false;
      for (; at < text.length; at++) {
        const code = text.charCodeAt(at);
        if (code === quoteCode || code === newline) return at;
        if (code !== backslash) continue;
        if (at + 1 === text.length) escaped = true;
        else if (text.charCodeAt(at + 1) !== newline) at++;
      }
      return text.length;
    },
    /** Processes a character outside strings (not white space), or the quote that closes a string. */
    step(code: number) {
      previous = code;
      if (inString) inString = code !== quoteCode;
      else if (code === quoteCode) inString = true;
      else if (isOpen(code)) {
        if (depth <= maxDepth) containers[depth] = code;
        depth++;
      } else if (isClose(code) && depth > 0) depth--;
    },
  };
}
