/** Refusals of Hugging Face while files are pushed, each with the way out. None contains the token. */

import { cut } from "../tensor/quote.ts";
import { hubPage } from "./hubErrors.ts";

/** The push failed; files that arrived before stay on the hub, and the next push leaves them out. */
export class PushError extends Error {
  override readonly name = "PushError";
  /** The answer's status; null where there was no answer. */
  readonly status: number | null;

  constructor(message: string, status: number | null = null) {
    super(message);
    this.status = status;
  }
}

export const tokensPage = "huggingface.co/settings/tokens";

export const resumes = "Push again: files that arrived are not sent a second time.";

/** What an answer refused. */
export interface Refused {
  readonly status: number;
  /** The hub's error code, such as "RepoNotFound"; "" where it has none. */
  readonly code: string;
  /** The hub's own words; "" where it has none. */
  readonly said: string;
  /** Seconds after which the hub takes requests again; null where it does not say. */
  readonly waitSeconds: number | null;
}

/** The error for a refusal. `what` is the object of the request, such as a file; `id` is the repository. */
export function refusal(id: string, what: string, { status, code, said, waitSeconds }: Refused): PushError {
  const words = said === "" ? "" : ` Hugging Face says: "${cut(said)}".`;
  const error = (text: string) => new PushError(text + words, status);
  if (code === "GatedRepo") return error(`${id} is gated (${status}): agree to its conditions on ${hubPage(id)}.`);
  switch (status) {
    case 401:
      return error(`Hugging Face does not accept this token (401): copy it again, or make a new one on ${tokensPage}.`);
    case 402:
      return error(
        `Hugging Face asks for payment for ${id} (402): free some of its storage, or make the model public.`,
      );
    case 403:
      return error(
        `This token may not write ${what} to ${id} (403): choose another owner, or give the token write access on ${tokensPage}.`,
      );
    case 404:
    case 410:
      return error(
        `Hugging Face has no ${id} for this token (${status}): check owner and name, and which repositories the token may use.`,
      );
    case 409:
    case 412:
      return error(`Somebody changed ${id} at the same time (${status}). ${resumes}`);
    case 413:
      return error(`Hugging Face takes no ${what} of this size (413): export fewer bits, or the adapter alone.`);
    case 429:
      return error(
        `Hugging Face refuses requests for now (429): wait ${waitSeconds === null ? "five minutes" : `${waitSeconds} s`}. ${resumes}`,
      );
    default:
      return status >= 500
        ? error(`Hugging Face has no answer for ${what} now (${status}): wait a minute. ${resumes}`)
        : error(`Hugging Face refuses ${what} (${status}): check the card and the names of the files.`);
  }
}

export function connectionLost(what: string, attempts: number): PushError {
  const offline = globalThis.navigator?.onLine === false;
  return new PushError(
    `The connection to Hugging Face broke while Hone sent ${what} (${attempts} ${attempts === 1 ? "attempt" : "attempts"}): ` +
      `${offline ? "this browser is offline; go online first" : "check the network"}. ${resumes}`,
  );
}

export const strangeAnswer = (what: string) =>
  new PushError(
    `Hugging Face answered in a form that Hone does not know (${what}): upload the exported files by hand.`,
  );

export const otherBytes = (name: string, found: string, sent: string) =>
  new PushError(
    `Hugging Face has other bytes of ${cut(name)} than Hone sent (SHA ${found.slice(0, 8)}… instead of ${sent.slice(0, 8)}…). ` +
      "Push again; if it fails again, delete the file on the hub first.",
  );
