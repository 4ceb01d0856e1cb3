/** The selection as text, for screen readers and the line below the panes. */

import { linkWords as words } from "../words/preview.ts";
import type { Link, Links } from "./links.ts";
import { paintNames, weightText } from "./roles.ts";

function paintName(links: Links, span: number): string {
  return paintNames[links.paints[span] ?? "template"].toLowerCase();
}

/** `token 17: ' the', id 263, assistant, weight 1`. */
export function tokenName(links: Links, index: number): string {
  const token = links.example.tokens[index];
  if (!token) return "";
  const { text, id, weight, straddles, cut } = token;
  const notes = `${straddles ? words.straddles : ""}${cut ? words.cut : ""}`;
  const shown = text.replaceAll("\n", "\\n").replaceAll("\t", "\\t");
  const paint = paintName(links, links.spanOfToken[index] ?? -1);
  return words.token(index + 1, shown, id, paint, weightText(weight)) + notes;
}

/** The selection as a sentence. */
export function linkName(links: Links, link: Link): string {
  const { messages, spans, tokens } = links.example;
  if (link.kind === "token") {
    const token = tokens[link.index];
    return token ? words.tokenAt(tokenName(links, link.index), token.start, token.end) : "";
  }
  let count = 0;
  for (let token = 0; token < tokens.length; token++) if (links.isTokenLinked(token, link)) count++;
  const counted = words.counted(count);
  if (link.kind === "message") {
    const weight = messages[link.index]?.weight ?? 0;
    return words.message(link.index + 1, counted, weight > 0 ? words.weight(weightText(weight)) : words.context);
  }
  const span = spans[link.index];
  if (!span) return "";
  const mask = span.supervised ? words.supervised : words.context;
  return words.span(link.index + 1, paintName(links, link.index), counted, mask, span.start, span.end);
}
