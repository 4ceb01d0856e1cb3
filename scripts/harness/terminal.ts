/** Colours of a terminal for roles and loss weights; plain marks where there are none. */

import type { PreviewExample } from "../../src/protocol/datasets.ts";

type Span = PreviewExample["spans"][number];
type Token = PreviewExample["tokens"][number];

export interface Paint {
  heading(text: string): string;
  quiet(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  /** A stretch of rendered text; what is learnt is underlined. */
  span(text: string, span: Span): string;
  /** A token; what is learnt stands in [brackets] where there are no colours. */
  token(text: string, token: Token, role: Span["role"]): string;
}

/** Of the 256 colours: apart for colour-blind eyes, and readable on light and dark. */
const roleColours = { system: 97, user: 33, assistant: 166, tool: 37 } as const;

/** https://no-color.org and a stream that is no terminal both mean none. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const coloured = stream.isTTY && !process.env.NO_COLOR;
  const code = (codes: string) => (text: string) => (coloured ? `\x1b[${codes}m${text}\x1b[0m` : text);
  const colourOf = (role: Span["role"]) => (role === null ? "38;5;244" : `38;5;${roleColours[role]}`);
  return {
    heading: code("1"),
    quiet: code("2"),
    good: code("32"),
    bad: code("31"),
    span: (text, { role, supervised }) => code(`${colourOf(role)}${supervised ? ";4" : ""}`)(text),
    token(text, { weight, cut }, role) {
      if (coloured) return code(`${colourOf(role)}${weight > 0 ? ";4" : ""}${cut ? ";9" : ""}`)(text);
      return weight > 0 ? `[${text}]` : text;
    },
  };
}
