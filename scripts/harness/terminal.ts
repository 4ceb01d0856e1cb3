/** Terminal colours for roles and loss weights; plain marks without colours. */

import type { PreviewExample } from "../../src/protocol/datasets.ts";

type Span = PreviewExample["spans"][number];
type Token = PreviewExample["tokens"][number];

export interface Paint {
  heading(text: string): string;
  quiet(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  /** A span of rendered text; supervised spans are underlined. */
  span(text: string, span: Span): string;
  /** A token; without colours, supervised tokens are in [brackets]. */
  token(text: string, token: Token, role: Span["role"]): string;
}

/** From the 256 colours: distinct for colour-blind users, readable on light and dark backgrounds. */
const roleColours = { system: 97, user: 33, assistant: 166, tool: 37 } as const;

/** No colours with NO_COLOR (https://no-color.org), or when the stream is no terminal. */
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
