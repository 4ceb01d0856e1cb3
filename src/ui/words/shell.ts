/** What the parts say that every screen is built from: progress, colours, questions before deleting, and failures. */

import { plural } from "../format.ts";

export const progressWords = {
  /** Follows the task. */
  percent: (percent: number) => ` · ${percent} %`,
  cancel: "Cancel",
} as const;

export const colorWords = {
  label: "Colours",
  schemes: { auto: "System colours", light: "Light", dark: "Dark" },
} as const;

export const confirmWords = {
  of: (label: string, name: string) => `${label} ${name}`,
  keep: "Keep",
} as const;

export const brokenWords = {
  title: (part: string) => `${part} could not be shown`,
  about: (message: string) =>
    `${message} Models, pairs and runs kept in this browser are untouched; reload the page if it does not help to show this part again.`,
  again: "Show again",
} as const;

export const problemWords = {
  line: (line: number) => `Line ${line}`,
  more: (rows: number) => `and ${plural(rows, "more row")}`,
} as const;
