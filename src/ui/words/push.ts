/** Texts of "Push to Hugging Face": what leaves the machine, when, and what the hub has afterwards. */

import { plural } from "../format.ts";

export const pushWords = {
  open: "Push to Hugging Face",
  title: "Push to Hugging Face",
  leaves: (count: number, size: string) =>
    `This sends ${plural(count, "file")} (${size}) from this machine to huggingface.co. It starts when you press Push, not before. Nothing else in Hone sends your data anywhere.`,
  repository: "Repository",
  repositoryHint: "A name, or owner/name. Without an owner it is yours.",
  token: "Access token",
  tokenHint: "It needs write access. It stays in the memory of this tab until the push is done or you close this form.",
  tokenPage: "Make a token",
  visibility: "Visibility",
  visibilities: { private: "Private: you and people you invite", public: "Public: everybody" },
  sent: "What is sent",
  file: (name: string, size: string) => `${name} · ${size}`,
  card: "Read and edit the model card",
  cardLabel: "Model card (README.md)",
  cardHint:
    "The model card can have your system prompt, the names of your files, your settings and a sample answer. Read it before you push.",
  button: (count: number, size: string) => `Push ${plural(count, "file")} (${size})`,
  close: "Close",
  working: "Pushing",
  amount: (done: string, total: string) => `${done} of ${total}`,
  failed: "The push failed",
  done: (id: string, sent: string, present: number) =>
    `Pushed to ${id}: ${sent} sent${present > 0 ? `, ${plural(present, "file")} there already` : ""}.`,
  compared: (count: number) => `Compared with the hub: the hash of ${plural(count, "file")} equal.`,
  link: "Open it on Hugging Face",
  commitTitle: (run: string) => `Upload ${run} from Hone`,
} as const;
