/** The sample datasets of the page, and a fetch of one. */

import { demoData } from "./seedling.ts";

export interface DataSample {
  /** Name of the file in public/samples. */
  readonly file: string;
  readonly label: string;
  /** Its content, in one line. */
  readonly shows: string;
}

export const dataSamples: readonly DataSample[] = [
  { file: demoData, label: "Small world", shows: "Questions and answers for Seedling, with an exam." },
  {
    file: "instructions.jsonl",
    label: "Instruction pairs",
    shows: "Several tasks; one question and one answer per row.",
  },
  { file: "chats.json", label: "Chats", shows: "Conversations of several turns, some with a system prompt." },
  { file: "gardening.md", label: "Plain text", shows: "For continued pre-training: every token is supervised." },
  {
    file: "general.jsonl",
    label: "General text",
    shows: "Passages on many subjects, to measure what a model forgets.",
  },
  {
    file: "preferences.jsonl",
    label: "Preferences",
    shows: "Chosen and rejected answers, for a stage of preferences.",
  },
  {
    file: "small-world-preferences.jsonl",
    label: "Short answers",
    shows: "Preferences for Seedling: a short and a long right answer.",
  },
  { file: "faulty.jsonl", label: "A faulty file", shows: "One row for each fault that the checks find." },
];

/** Fetches a sample from the folder of the page. Throws with the address when the host does not serve it. */
export async function fetchSample(file: string, signal: AbortSignal): Promise<File> {
  const address = new URL(`samples/${file}`, document.baseURI);
  const response = await fetch(address, { signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new Error(
      `The sample ${file} could not be fetched from ${address.href}. Check that the host serves all files of the page.`,
      {
        cause,
      },
    );
  });
  if (!response.ok)
    throw new Error(`The sample ${file} is not served beside the page (${response.status} for ${address.href}).`);
  return new File([await response.blob()], file);
}
