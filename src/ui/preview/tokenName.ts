/** What is pointed at, in words: for screen readers, and for the line below the panes. */

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
  const notes = `${straddles ? ", over a border of the mask, so not learnt" : ""}${cut ? ", cut by the length limit" : ""}`;
  const shown = text.replaceAll("\n", "\\n").replaceAll("\t", "\\t");
  return `token ${index + 1}: '${shown}', id ${id}, ${paintName(links, links.spanOfToken[index] ?? -1)}, weight ${weightText(weight)}${notes}`;
}

/** A sentence on what is pointed at. */
export function linkName(links: Links, link: Link): string {
  const { messages, spans, tokens } = links.example;
  if (link.kind === "token") {
    const token = tokens[link.index];
    return token ? `${tokenName(links, link.index)}, characters ${token.start} to ${token.end}` : "";
  }
  let count = 0;
  for (let token = 0; token < tokens.length; token++) if (links.isTokenLinked(token, link)) count++;
  const counted = `${count.toLocaleString("en")} ${count === 1 ? "token" : "tokens"}`;
  if (link.kind === "message") {
    const weight = messages[link.index]?.weight ?? 0;
    return `message ${link.index + 1}: ${counted} with its marks, ${weight > 0 ? `weight ${weightText(weight)}` : "context"}`;
  }
  const span = spans[link.index];
  return span
    ? `stretch ${link.index + 1}: ${paintName(links, link.index)}, ${counted}, ${span.supervised ? "learnt" : "context"}, characters ${span.start} to ${span.end}`
    : "";
}
