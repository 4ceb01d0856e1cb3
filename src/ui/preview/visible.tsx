/**
 * Text with visible white space: · for a space, ↵ for a line break, → for a tab, and names for invisible characters.
 */

import { Fragment, type ReactNode } from "react";
import { linkWords as words } from "../words/preview.ts";
import type { Range } from "./links.ts";
import classes from "./Preview.module.css";

const signs: Readonly<Record<string, string>> = { " ": "·", "\n": "↵", "\t": "→", "\r": "␍", "\u00a0": "⍽" };

function sign(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return signs[character] ?? `‹${code.toString(16).toUpperCase().padStart(4, "0")}›`;
}

/** Control characters, and characters without width. */
const unseen = "\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u200b-\\u200f\\u2028-\\u202e\\u2060\\ufeff";
const inToken = new RegExp(`[ \\n\\t\\u00a0${unseen}]`, "g");
/** In running text only unusual white space: doubled, at an end, tabs, line breaks. */
const inText = new RegExp(` {2,}|^ | $| (?=\\n)|(?<=\\n) |[\\n\\t\\u00a0${unseen}]`, "g");

function marked(text: string, pattern: RegExp, breaks: boolean): ReactNode {
  const pieces: ReactNode[] = [];
  let last = 0;
  for (const { 0: found, index } of text.matchAll(pattern)) {
    if (index > last) pieces.push(text.slice(last, index));
    pieces.push(
      <Fragment key={index}>
        <i className={classes.space}>{[...found].map(sign).join("")}</i>
        {breaks && found === "\n" && "\n"}
      </Fragment>,
    );
    last = index + found.length;
  }
  if (pieces.length === 0) return text;
  if (last < text.length) pieces.push(text.slice(last));
  return pieces;
}

/** A token's text with all white space visible. */
export function tokenText(text: string): ReactNode {
  return text === "" ? <i className={classes.space}>{words.emptyToken}</i> : marked(text, inToken, false);
}

/** Longer texts stay unmarked: too many signs slow the layout. */
const longestMarked = 20_000;

/** Running text with a highlighted range. */
export function RunningText({ text, range }: { readonly text: string; readonly range?: Range | null }) {
  const show = (part: string) => (text.length > longestMarked ? part : marked(part, inText, true));
  if (!range) return show(text);
  return (
    <>
      {show(text.slice(0, range.start))}
      <mark className={classes.stretch}>{show(text.slice(range.start, range.end))}</mark>
      {show(text.slice(range.end))}
    </>
  );
}
