/** Texts of the parts that all screens share: progress, colours, confirmations and failures. */

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
    `${message} Models, data and runs in this browser are unchanged. Reload the page if showing this part again fails.`,
  again: "Show again",
} as const;

export const problemWords = {
  line: (line: number) => `Line ${line}`,
  more: (rows: number) => `and ${plural(rows, "more row")}`,
} as const;
