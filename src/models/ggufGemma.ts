/** Gemma's form in GGUF. Its layers with a window are those that llama.cpp's graph of the generation has. */

import type { GemmaConfig } from "./gemma2.ts";
import { decoderForm, float, type GgufForm, whole } from "./ggufForm.ts";
import { plainNames } from "./ggufNames.ts";

export function gemmaForm(
  architecture: "gemma2" | "gemma3",
  config: GemmaConfig,
  own: GgufForm["keys"] = {},
): GgufForm {
  const { windows, attn_logit_softcapping: scores, final_logit_softcapping: logits } = config;
  const window = windows.find((size) => size !== null);
  const keys = {
    ...own,
    ...(window != null && { "attention.sliding_window": whole(window) }),
    // llama.cpp's graph of Gemma 2 always caps, by 50 and 30 where no key says otherwise.
    ...(scores != null && { attn_logit_softcapping: float(scores) }),
    ...(logits != null && { final_logit_softcapping: float(logits) }),
  };
  return decoderForm(architecture, config, plainNames(architecture), keys, config.max_position_embeddings);
}
