/** The general text of the next run as a topic: from a file, a sample of the page, or written by the base model. */

import { type Context, patch } from "./context.ts";
import type { DataActions } from "./data.ts";
import type { ModelActions } from "./model.ts";
import { fetchSample } from "./samples.ts";
import { isSeedling } from "./seedling.ts";
import { toFailure } from "./state.ts";

export interface GeneralActions {
  /** Reads a file, stores it and makes it the general text. */
  open(files: readonly File[]): Promise<void>;
  /** The same with the sample that suits the model. */
  openSample(): Promise<void>;
  /** Makes the selected model write texts, stores them as a dataset and makes it the general text. */
  write(texts: number, seed: number): Promise<void>;
  cancel(): void;
}

/** Most tokens of a text that the model writes. */
const ownTokens = 128;

/** Seedling knows the words of its small world only. */
export const generalSample = (model: { readonly name: string } | undefined) =>
  model && isSeedling(model)
    ? { file: "small-world-text.jsonl", label: "Sample: small-world text" }
    : { file: "general.jsonl", label: "Sample: general text" };

export function generalActions(context: Context, data: DataActions, model: ModelActions): GeneralActions {
  const { client, store } = context;
  let controller: AbortController | null = null;

  const selected = () => {
    const { list, selected: hash } = store.getState().model;
    return list.find((known) => known.hash === hash);
  };

  /** One call at a time. */
  const alone = async (busy: "reading" | "writing", files: (signal: AbortSignal) => Promise<readonly File[]>) => {
    if (store.getState().general.busy !== null) return;
    controller = new AbortController();
    const { signal } = controller;
    patch(context, "general", { busy, failure: null });
    try {
      const { sources, failures } = await client.data.open(await files(signal), signal);
      const [source] = sources;
      if (!source) throw new Error(failures.map(({ name, message }) => `${name}: ${message}`).join(" "));
      const { list } = store.getState().data;
      patch(context, "data", { list: [...list.filter(({ hash }) => hash !== source.hash), source] });
      data.setGeneral(source.hash);
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (failure.name !== "AbortError") patch(context, "general", { failure });
    } finally {
      controller = null;
      patch(context, "general", { busy: null });
      patch(context, "progress", { engine: null, data: null });
    }
  };

  return {
    open: (files) => alone("reading", async () => files),
    openSample: () => alone("reading", async (signal) => [await fetchSample(generalSample(selected()).file, signal)]),
    write: (texts, seed) =>
      alone("writing", async (signal) => {
        const writer = selected();
        if (!writer) throw new Error("No model is selected: choose one under Model.");
        await model.ensureOpen(writer.hash, signal);
        const request = { modelHash: writer.hash, texts, tokens: ownTokens, seed };
        const written = await client.engine.writeTexts(request, signal);
        if (written.length === 0) {
          throw new Error(`${writer.name} wrote ${texts} empty texts: choose a file or the sample.`);
        }
        const lines = written.map((text) => `${JSON.stringify({ text })}\n`);
        return [new File(lines, `Text by ${writer.name}, seed ${seed}.jsonl`)];
      }),
    cancel: () => controller?.abort(),
  };
}
