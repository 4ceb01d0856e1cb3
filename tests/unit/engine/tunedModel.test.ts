/** A whole model of another tool beside its base. Oracle: the numbers in its file, and a field that differs, by hand. */

import { describe, expect, test } from "vitest";
import { tensorsOfConfig } from "../../../src/artifacts/method.ts";
import type { LoadedModel } from "../../../src/engine/library.ts";
import { readTunedModel } from "../../../src/engine/tunedModel.ts";
import { bytesFromBlob } from "../../../src/hub/bytes.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import { openModel } from "../../../src/hub/model.ts";
import { defineModel } from "../../../src/models/define.ts";
import { smallFamilies, smallFolder, smallValues } from "../../support/smallFamilies.ts";
import { asFiles } from "../../support/tinyLlama.ts";

type Config = Readonly<Record<string, unknown>>;
const filesOf = (config: Config, seed = 11, without: readonly string[] = []) =>
  modelFromSources(
    "tuned",
    asFiles(smallFolder(config, seed))
      .filter(({ name }) => !without.includes(name))
      .map((file) => bytesFromBlob(file.name, file)),
  );

async function baseOf(config: Config) {
  const opened = await openModel(filesOf(config), tensorsOfConfig);
  return { definition: defineModel(config), summary: { name: "small" }, opened } as LoadedModel;
}

test.each(Object.entries(smallFamilies))("%s: its parameters are the file's", async (_, config) => {
  const weights = await readTunedModel(filesOf(config, 5, ["tokenizer.json"]), await baseOf(config), undefined);
  const values = smallValues(defineModel(config), 5);
  const checked = new Map<string, Float32Array>();
  await weights.check(async ({ name, data }) => void checked.set(name, data));
  expect(new Map([...checked].sort())).toEqual(new Map([...values].sort()));
  for (const [name, wanted] of values) expect(await weights.read(name)).toEqual(wanted);
  expect(weights.method).toEqual({ kind: "full" });
});

test("a field that is null here and missing there is the same", async () => {
  const config = smallFamilies["Gemma 3"] ?? {};
  const written = { ...config, final_logit_softcapping: null };
  await expect(readTunedModel(filesOf(written), await baseOf(config), undefined)).resolves.toBeDefined();
});

describe("refused with field and both values", () => {
  const rows: [string, string, Config, RegExp][] = [
    [
      "another family",
      "Llama",
      smallFamilies["Qwen 3"] ?? {},
      /architecture is Qwen3ForCausalLM, not LlamaForCausalLM/,
    ],
    [
      "more tokens",
      "Llama",
      { ...smallFamilies.Llama, vocab_size: 290 },
      /its vocab_size is 290, not 288\. Open it under/,
    ],
    ["fewer layers", "Llama", { ...smallFamilies.Llama, num_hidden_layers: 1 }, /its num_hidden_layers is 1, not 2/],
    ["another base of rotation", "Llama", { ...smallFamilies.Llama, rope_theta: 12_345 }, /its rope is .*12345.*, not/],
    [
      "a soft cap",
      "Gemma 3",
      { ...smallFamilies["Gemma 3"], final_logit_softcapping: 30 },
      /softcapping is 30, not null|not nothing/,
    ],
  ];
  test.each(rows)("%s", async (_, family, config, message) => {
    const base = await baseOf(smallFamilies[family] ?? {});
    await expect(readTunedModel(filesOf(config), base, undefined)).rejects.toThrow(message);
  });
});
