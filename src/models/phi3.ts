/** Phi-3 and Phi-4-mini (Abdin et al. 2024, arXiv:2404.14219): Llama with fused projections; rotation may be partial. */

import { fusedMlp, linear, rmsNorm } from "../nn/layers.ts";
import type { Value } from "../onnx/graph.ts";
import { type Architecture, type Block, familyOf } from "./architecture.ts";
import { decoderParts } from "./decoder.ts";
import { type DecoderConfig, readDecoder, slidesWithWindow } from "./decoderConfig.ts";
import { phi3Form } from "./ggufForm.ts";

const block: Block<DecoderConfig> = (scope, config, x, attend, select) => {
  const { b } = scope;
  const { rms_norm_eps: epsilon, hidden_size: width, intermediate_size: hidden, head_dim: size, activation } = config;
  const [queries, keys] = [config.num_attention_heads * size, config.num_key_value_heads * size];
  const normal = scope.within("input_layernorm", (s) => rmsNorm(s, x, epsilon));
  const attended = scope.within("self_attn", (attention) => {
    const fused = attention.within("qkv_proj", (s) => linear(s, normal, queries + 2 * keys));
    const [q, k, values] = b.split(fused, [queries, keys, keys], 1) as [Value, Value, Value];
    return attention.within("o_proj", (s) => linear(s, select(attend(q, k, values)), width));
  });
  const h = b.add(select(x), attended);
  const post = scope.within("post_attention_layernorm", (s) => rmsNorm(s, h, epsilon));
  const fed = scope.within("mlp", (s) => fusedMlp(s, post, { hidden, activation }, ["gate_up_proj", "down_proj"]));
  return b.add(h, fed);
};

const architecture: Architecture<DecoderConfig> = {
  ...decoderParts(block),
  name: "Phi3ForCausalLM",
  modelType: "phi3",
  gguf: (config) => phi3Form(config),
  readConfig: (json) =>
    readDecoder(json, {
      own: {},
      defaults: {
        context: 4096,
        epsilon: 1e-5,
        rotatedShare: 1,
        originalContext: 4096,
        ropeTypes: ["default", "longrope"],
      },
      reads: ["sliding_window"],
      slides: slidesWithWindow,
    }),
};

export const phi3 = familyOf(architecture);
