/** The keys of a GGUF file: the model's, the tokenizer's, and its template. */

import type { WrittenType } from "../gguf/blocks.ts";
import type { GgufData } from "../gguf/types.ts";
import type { GgufForm } from "../models/ggufForm.ts";
import type { WrittenTokenizer } from "../tokenizer/toGguf.ts";
import type { ExportedTemplate } from "./template.ts";

export interface KeyParts {
  readonly form: GgufForm;
  readonly tokenizer: WrittenTokenizer;
  readonly template: Pick<ExportedTemplate, "source">;
  /** The trained stop token first. */
  readonly stopIds: readonly number[];
  readonly type: WrittenType;
  readonly name: string;
}

/** llama.cpp's numbers of the types of whole files (`general.file_type`). */
const fileTypes: Readonly<Record<WrittenType, number>> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7 };

const text = (value: string): GgufData => ({ type: "string", value });
const whole = (value: number): GgufData => ({ type: "uint32", value });
const flag = (value: boolean): GgufData => ({ type: "bool", value });

/**
 * The keys in llama.cpp's order. An answer ends with `eos_token_id`, the end of a turn or of a message. A template that
 * contains `eos_token` would change with it, so there the tokenizer's own stays.
 */
export function ggufKeys({ form, tokenizer, template, stopIds, type, name }: KeyParts): ReadonlyMap<string, GgufData> {
  const { architecture } = form;
  const keeps = tokenizer.eos !== null && /\beos_token\b/.test(template.source);
  const eos = (keeps ? tokenizer.eos : stopIds[0]) ?? tokenizer.eos;
  const [turn, message] = stopIds.filter((id) => id !== eos);
  const optional = (key: string, value: number | null | undefined): readonly (readonly [string, GgufData])[] =>
    value == null ? [] : [[`tokenizer.ggml.${key}`, whole(value)]];
  const { model, pre, tokens, types, scores, merges, addBos, addSpacePrefix } = tokenizer;
  return new Map<string, GgufData>([
    ["general.architecture", text(architecture)],
    ["general.type", text("model")],
    ["general.name", text(nameFor(name, tokenizer))],
    ["general.file_type", whole(fileTypes[type])],
    ["general.quantization_version", whole(2)],
    ...Object.entries(form.keys).map(([key, value]) => [`${architecture}.${key}`, value] as const),
    ["tokenizer.ggml.model", text(model ?? "gpt2")],
    ["tokenizer.ggml.pre", text(pre ?? "default")],
    ["tokenizer.ggml.tokens", { type: "array", items: "string", values: tokens }],
    ["tokenizer.ggml.token_type", { type: "array", items: "int32", values: types ?? [] }],
    ...(scores ? [["tokenizer.ggml.scores", { type: "array", items: "float32", values: scores }] as const] : []),
    ...(merges ? [["tokenizer.ggml.merges", { type: "array", items: "string", values: merges }] as const] : []),
    ...optional("bos_token_id", tokenizer.bos),
    ...optional("eos_token_id", eos),
    ...optional("eot_token_id", turn),
    ...optional("eom_token_id", message),
    ...optional("unknown_token_id", tokenizer.unknown),
    ["tokenizer.ggml.add_bos_token", flag(addBos === true)],
    ["tokenizer.ggml.add_eos_token", flag(false)],
    ...(addSpacePrefix === null ? [] : [["tokenizer.ggml.add_space_prefix", flag(addSpacePrefix)] as const]),
    ["tokenizer.chat_template", text(template.source)],
  ]);
}

/**
 * llama.cpp gives the special tokens of a model whose name contains "phi-3" or "phi3" a way to take spaces, and does not load
 * one whose tokenizer lacks four of Phi-3's tokens. So a name has that word where, and only where, the tokenizer is Phi-3's.
 */
function nameFor(name: string, { tokens, strips }: WrittenTokenizer): string {
  const isPhi = strips && ["</s>", "<unk>", "<s>", "<|endoftext|>"].every((token) => tokens.includes(token));
  if (isPhi) return /phi-?3/i.test(name) ? name : `${name} (Phi-3)`;
  return name.replace(/phi-?3/gi, "Phi 3");
}
