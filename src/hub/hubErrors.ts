/** The refusals of Hugging Face, each with the way out. */

import { ModelError } from "./error.ts";

export const huggingFaceHost = "huggingface.co";

/** A model's page, for people. */
export const hubPage = (id: string) => `https://${huggingFaceHost}/${id}`;

/** The hub sends the same answer for a wrong name and for a private model. */
export function noSuchModel(id: string, status: number): ModelError {
  return new ModelError(
    `Hugging Face has no public model "${id}" (${status}): the name is wrong or the model is private. Check ${hubPage(id)}; download ` +
      'a private model there with your account and choose its folder under "From disk".',
    { absent: true },
  );
}

export function noSuchRevision(id: string, revision: string): ModelError {
  return new ModelError(
    `The model "${id}" has no revision "${revision}" on Hugging Face: leave it out for the newest one, or enter a branch, tag or ` +
      `commit from ${hubPage(id)}/commits/main.`,
    { absent: true },
  );
}

export function gatedModel(id: string): ModelError {
  return new ModelError(
    `The model "${id}" is gated: its owners require an account that has agreed to their conditions. To read a model, Hone never ` +
      `asks for a password or a token: agree on ${hubPage(id)}, download its files there (config.json, tokenizer.json, ` +
      'tokenizer_config.json and all .safetensors), and choose their folder under "From disk".',
    { absent: true },
  );
}

export function tooManyRequests(): ModelError {
  return new ModelError(
    "Hugging Face refuses requests of this network for now (429): it counts them over five minutes. Wait five minutes and " +
      "resume; the fetched files are kept.",
  );
}

/**
 * The error for a refusal, by the hub's error code where the page may read it, else by the status. Null when the answer is
 * not a refusal by the hub.
 */
export function hubRefusal(id: string, revision: string, response: Response): ModelError | null {
  const { status, headers } = response;
  const code = headers.get("X-Error-Code");
  if (status === 429) return tooManyRequests();
  if (code === "GatedRepo") return gatedModel(id);
  if (code === "RevisionNotFound") return noSuchRevision(id, revision);
  // A file of a public model is missing: the caller names it.
  if (code === "EntryNotFound") return null;
  if (code === "RepoNotFound" || status === 401) return noSuchModel(id, status);
  if (status === 403) return gatedModel(id);
  return null;
}
