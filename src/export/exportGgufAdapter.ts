/** An adapter alone as a GGUF LoRA, which llama.cpp and Ollama add to the base model's own GGUF file. */

import type { Method } from "../artifacts/method.ts";
import { parametersOf } from "../artifacts/method.ts";
import type { GgufData, TensorHead } from "../gguf/types.ts";
import { layoutGguf, paddingAfter } from "../gguf/write.ts";
import { bytesFromBlob } from "../hub/bytes.ts";
import { pieceBytes } from "../hub/pieces.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import { toGguf } from "../models/toGguf.ts";
import type { Shape } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import { type Bundle, ExportError, type TrainedTensors } from "./files.ts";
import { fileStem, requireGguf } from "./gguf.ts";
import { modelfile, runText } from "./modelfile.ts";
import { digestOf } from "./readBack.ts";
import type { TemplateWriter } from "./template.ts";

export interface GgufAdapterParts {
  readonly model: ModelDefinition;
  readonly method: Extract<Method, { readonly kind: "lora" }>;
  /** The base's tensors in Hugging Face layout. */
  readonly tensors: readonly { readonly name: string; readonly shape: Shape }[];
  readonly trained: TrainedTensors;
  readonly templates: TemplateWriter;
  readonly vocabulary: { show(id: number): string };
  readonly name: string;
  readonly baseModel: string;
  readonly systemPrompt: string | null;
}

type Values = Float32Array<ArrayBuffer>;

/** Throws ConfigError where llama.cpp has no such model, and ExportError when the file, read back, differs. */
export async function exportGgufAdapter(parts: GgufAdapterParts): Promise<Bundle> {
  const { model, method, trained, name, baseModel } = parts;
  const form = await toGguf(model, parts.tensors);
  const values = new Map<string, Values>();
  await trained((tensor, numbers) => void values.set(tensor, numbers));
  const heads: TensorHead[] = [];
  const bytes: Uint8Array<ArrayBuffer>[] = [];
  for (const { name: parameter, shape, source } of parametersOf(model, method)) {
    if (source.kind !== "lora_A" && source.kind !== "lora_B") continue;
    const numbers = values.get(parameter);
    const weight = parameter.replace(/lora_[AB]\.weight$/, "weight");
    const place = form.names(weight);
    if (!numbers || !place)
      throw new ExportError(`The checkpoint has no ${cut(parameter, 80)}: export another checkpoint.`);
    const isUp = source.kind === "lora_B";
    heads.push({ name: `${place.tensor}.${isUp ? "lora_b" : "lora_a"}`, type: "F32", shape });
    // The rows of B are those of the weight, in the file's order.
    const own = isUp && place.rows ? moved(numbers, shape[1] ?? 1, place.rows) : numbers;
    bytes.push(new Uint8Array(own.buffer, own.byteOffset, own.byteLength));
  }
  const keys = new Map<string, GgufData>([
    ["general.architecture", { type: "string", value: form.architecture }],
    ["general.type", { type: "string", value: "adapter" }],
    ["general.name", { type: "string", value: name }],
    ["general.file_type", { type: "uint32", value: 0 }],
    ["adapter.type", { type: "string", value: "lora" }],
    ["adapter.lora.alpha", { type: "float32", value: method.alpha }],
  ]);
  const { head, tensors } = layoutGguf(keys, heads);
  const padded = bytes.flatMap((one) => [one, new Uint8Array(paddingAfter(one.length))]);
  const content = new Blob([head, ...padded]);
  const file = `${fileStem(name)}-lora.gguf`;
  const digests = await Promise.all(bytes.map((one) => digestOf(piecesOf(one))));
  await requireGguf(bytesFromBlob(file, content), keys, tensors, digests);
  const template = await parts.templates.express();
  const stops = template.stopIds.map((id) => parts.vocabulary.show(id));
  const text = (contents: string) => new Blob([contents], { type: "text/plain" });
  const from = `./${fileStem(baseModel)}.gguf`;
  const notes = [...form.notes, `It needs the base model, ${cut(baseModel, 60)}, as a GGUF file.`];
  return {
    files: [
      { name: file, content },
      {
        name: "Modelfile",
        content: text(modelfile({ from, adapter: `./${file}`, stops, system: parts.systemPrompt })),
      },
      { name: "README.txt", content: text(runText({ file, name, notes, adapter: baseModel })) },
    ],
    notes,
    tensors: tensors.length,
  };
}

function moved(values: Values, columns: number, rows: (row: number) => number): Values {
  const result = new Float32Array(values.length);
  for (let row = 0; row < values.length / columns; row++) {
    result.set(values.subarray(row * columns, (row + 1) * columns), rows(row) * columns);
  }
  return result;
}

/** As `requireGguf` cuts a tensor. */
async function* piecesOf(bytes: Uint8Array<ArrayBuffer>) {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield { bytes: bytes.slice(at, at + pieceBytes) };
}
