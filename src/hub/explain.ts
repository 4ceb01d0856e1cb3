/** Messages for a folder or address that lacks a file. */

import { cut } from "../tensor/quote.ts";
import { listSome } from "./error.ts";
import type { ModelFiles } from "./files.ts";

export function explainNoConfig(files: ModelFiles): string {
  const { listing } = files;
  const place = cut(files.place, 120);
  const names = listing ?? [];
  if (names.includes("adapter_config.json")) {
    return `${place} has an adapter (adapter_config.json) without its base model: open the base model.`;
  }
  return (
    `${place} has no config.json, only ${listSome(names)}: choose the folder of a downloaded model, ` +
    "with config.json, tokenizer.json and model.safetensors, or a GGUF file."
  );
}

export function explainNoTokenizer({ place, listing }: ModelFiles): string {
  const other = (listing ?? []).find((name) => ["tokenizer.model", "vocab.json", "spiece.model"].includes(name));
  const remedy =
    other === undefined
      ? "add it from the source of the model."
      : `Hone does not read ${other}: load it with AutoTokenizer of transformers and save it with save_pretrained, ` +
        "which writes tokenizer.json.";
  return `${cut(place, 120)} has no tokenizer.json, which turns text into tokens; ${remedy}`;
}
