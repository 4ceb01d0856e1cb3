/**
 * A trained model in Hugging Face layout: the base's own files with the trained tensors, and the run's template and
 * stop tokens. Names, shapes, types and `config.json` are the base's, also where it stores a tied head twice or tensors
 * that Hone does not use. The files are read back and compared.
 */

import type { OpenModel } from "../hub/model.ts";
import type { Vocabulary } from "../tokenizer/vocabulary.ts";
import { type Bundle, ExportError, jsonFile, type OutFile } from "./files.ts";
import { mergeWeights, type WeightParts } from "./mergedWeights.ts";
import { requireModel, type WantedModel } from "./readBack.ts";
import type { ExportedTemplate, TemplateWriter } from "./template.ts";

export interface MergedParts extends WeightParts {
  readonly opened: WeightParts["opened"] &
    Pick<OpenModel, "config" | "folder" | "tokenizerConfig" | "generationConfig" | "stopIds">;
  readonly vocabulary: Vocabulary;
  readonly templates: TemplateWriter;
}

/**
 * Throws ExportError when the template cannot be exported, when no token stops an answer, when a number exceeds the
 * base's type, or when the files, read back, differ; the signal's reason when cancelled.
 */
export async function exportMerged(parts: MergedParts): Promise<Bundle> {
  const { opened, model, templates } = parts;
  const template = await templates.express();
  const weights = await mergeWeights(parts);
  const stopIds = [...new Set([...template.stopIds, ...opened.stopIds])];
  const texts = await textFiles(parts, template, stopIds);
  const files = [...texts, weights.file];
  const wanted: WantedModel = { model, config: opened.config, stopIds, templates, tensors: weights.tensors };
  await requireModel(files, wanted, parts.signal);
  return { files, notes: [...template.notes, ...weights.notes], tensors: weights.tensors.size };
}

/** `config.json` and `tokenizer.json` are the base's, byte for byte. */
async function textFiles(
  { opened, vocabulary, model, signal }: MergedParts,
  template: ExportedTemplate,
  stopIds: readonly number[],
) {
  const asOpened = async (name: string): Promise<OutFile> => {
    const source = opened.folder.find((file) => file.name === name);
    if (!source) throw new ExportError(`The base model no longer has ${name}: open it again, then export.`);
    return { name, content: new Blob([await source.slice(0, source.byteLength, signal)]) };
  };
  const { bos } = vocabulary;
  const before: Readonly<Record<string, unknown>> = opened.tokenizerConfig ?? {
    tokenizer_class: "PreTrainedTokenizerFast",
    model_max_length: model.contextLength,
    ...(bos && { bos_token: bos.text }),
  };
  // Programs that know neither templates nor generation_config.json stop at the tokenizer's own end token. A template
  // that contains `eos_token` would change with it, so there the token stays.
  const keepsEnd = vocabulary.eos?.text === template.stopToken || /\beos_token\b/.test(template.source);
  const tokenizerConfig = {
    ...before,
    ...(!keepsEnd && { eos_token: template.stopToken }),
    chat_template: template.source,
  };
  const specials = Object.entries(tokenizerConfig).filter(([name]) => /^(?:bos|eos|unk|pad)_token$/.test(name));
  // With this flag transformers would rebuild the file from config.json, without these stop tokens.
  const { _from_model_config: _, ...generation } = opened.generationConfig ?? {};
  const [only, ...others] = stopIds;
  const isInBase = (name: string) => opened.folder.some((file) => file.name === name);
  return [
    await asOpened("config.json"),
    jsonFile("generation_config.json", {
      ...(bos && { bos_token_id: bos.id }),
      ...generation,
      eos_token_id: others.length === 0 ? only : stopIds,
    }),
    await asOpened("tokenizer.json"),
    jsonFile("tokenizer_config.json", tokenizerConfig),
    // These come before tokenizer_config.json, so an old one beside the export would win.
    ...(isInBase("chat_template.jinja") ? [{ name: "chat_template.jinja", content: new Blob([template.source]) }] : []),
    ...(isInBase("chat_template.json") ? [jsonFile("chat_template.json", { chat_template: template.source })] : []),
    jsonFile("special_tokens_map.json", Object.fromEntries(specials)),
  ];
}
