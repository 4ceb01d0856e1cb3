/** The datasets that come with the page: small files of its own, each to show something. */

import { demoData } from "./seedling.ts";

export interface DataSample {
  /** Name of the file in public/samples. */
  readonly file: string;
  readonly label: string;
  /** What it shows, in a line. */
  readonly shows: string;
}

export const dataSamples: readonly DataSample[] = [
  { file: demoData, label: "Small world", shows: "For Seedling, the model that comes with the page; with an exam." },
  { file: "instructions.jsonl", label: "Instruction pairs", shows: "Several tasks, one question and one answer each." },
  { file: "chats.json", label: "Chats", shows: "Conversations of several turns, with system prompts." },
  { file: "gardening.md", label: "Plain text", shows: "For continued pre-training: every token is learnt." },
  { file: "preferences.jsonl", label: "Preferences", shows: "Read and kept for preference training." },
  { file: "faulty.jsonl", label: "A faulty file", shows: "Trips every check, to see what each one says." },
];

/** Fetches a sample from beside the page. Throws with a sentence when the host does not serve it. */
export async function fetchSample(file: string, signal: AbortSignal): Promise<File> {
  const address = new URL(`samples/${file}`, document.baseURI);
  const response = await fetch(address, { signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new Error(
      `The sample ${file} could not be fetched from ${address.href}. Check that the page is served whole.`,
      {
        cause,
      },
    );
  });
  if (!response.ok)
    throw new Error(`The sample ${file} is not served beside the page (${response.status} for ${address.href}).`);
  return new File([await response.blob()], file);
}
