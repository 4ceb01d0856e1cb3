/** Why Hugging Face gives a model to nobody, or not now, each with the way out. */

import { ModelError } from "./error.ts";

export const huggingFaceHost = "huggingface.co";

/** A model's page, for people. */
export const hubPage = (id: string) => `https://${huggingFaceHost}/${id}`;

/** The hub answers alike for a name that is wrong and for a model that is not public. */
export function noSuchModel(id: string, status: number): ModelError {
  return new ModelError(
    `Hugging Face has no public model "${id}" (${status}): the name may be misspelt, or the model private. Check it on ` +
      `${hubPage(id)}; a private model can be downloaded there with your account and its folder chosen under "From disk".`,
    { absent: true },
  );
}

export function noSuchRevision(id: string, revision: string): ModelError {
  return new ModelError(
    `The model "${id}" has no revision "${revision}" on Hugging Face: leave it out for the newest, or take a branch, tag or ` +
      `commit from ${hubPage(id)}/commits/main.`,
    { absent: true },
  );
}

export function gatedModel(id: string): ModelError {
  return new ModelError(
    `The model "${id}" is gated: its owners give it to those only who agree to their conditions with an account. Hone never ` +
      `asks for a password or a token: agree on ${hubPage(id)}, download its files there (config.json, tokenizer.json, ` +
      'tokenizer_config.json and all .safetensors), and choose their folder under "From disk".',
    { absent: true },
  );
}

export function tooManyRequests(): ModelError {
  return new ModelError(
    "Hugging Face answers this network no more for now (429): it counts requests over five minutes. Wait that long and go " +
      "on; what was fetched is kept.",
  );
}

/**
 * The reason of an answer that is no use: by the hub's own word where the page may read it, else by the status. Null when
 * it is no refusal of the hub's.
 */
export function hubRefusal(id: string, revision: string, response: Response): ModelError | null {
  const { status, headers } = response;
  const code = headers.get("X-Error-Code");
  if (status === 429) return tooManyRequests();
  if (code === "GatedRepo") return gatedModel(id);
  if (code === "RevisionNotFound") return noSuchRevision(id, revision);
  // Of a model that is there and public, one file may be missing: the caller says which.
  if (code === "EntryNotFound") return null;
  if (code === "RepoNotFound" || status === 401) return noSuchModel(id, status);
  if (status === 403) return gatedModel(id);
  return null;
}
