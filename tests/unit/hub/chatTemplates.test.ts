/**
 * A model's own chat template among the files that may have one. Oracle: transformers 5.18.0's AutoTokenizer, asked on
 * 2026-11-30 with these files, without and with tools. Where it refuses all conversations, Hone uses what there is.
 */

import { describe, expect, it, test } from "vitest";
import { tensorsOfConfig } from "../../../src/artifacts/method.ts";
import { chatTemplateOf } from "../../../src/hub/chatTemplate.ts";
import { modelFromFiles } from "../../../src/hub/files.ts";
import { modelFromRepository, readRepository } from "../../../src/hub/huggingFace.ts";
import { openModel } from "../../../src/hub/model.ts";
import { writeSafetensors } from "../../../src/hub/safetensors.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { createClock } from "../../../src/templates/clock.ts";
import { run } from "../../../src/templates/jinja/interpret.ts";
import { compile } from "../../../src/templates/jinja/parse.ts";
import type { Value } from "../../../src/templates/jinja/values.ts";
import { templateSource } from "../../../src/templates/source.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { golden, textOf } from "../templates/support.ts";
import { configs, openFolder, tensorsFor } from "./folder.ts";
import { fakeHub } from "./hub.ts";
import { asChosenFolder, jsonBytes, refusal } from "./tiny.ts";

const config = configs.llama;
const tensors = tensorsFor(config);
const said = (mark: string) => `{% for m in messages %}${mark}{{ m.content }}</s>{% endfor %}`;
const jinja = "chat_template.jinja";
const json = "chat_template.json";
const additional = "additional_chat_templates/tool_use.jinja";
const list = (...names: string[]) => names.map((name) => ({ name, template: said(name) }));
const textFile = (mark: string) => JSON.stringify({ chat_template: said(mark) });
const question = { role: "user", content: "x" } as const;
const tools = [{ type: "function", function: { name: "a", description: "", parameters: {} } }];

/** The texts of a conversation without and with tools; null without a template. */
async function rendered(chatTemplate: unknown, files: Readonly<Record<string, string>>) {
  const tokenizerConfig = JSON.stringify({ bos_token: "<s>", eos_token: "</s>", chat_template: chatTemplate });
  const model = await openFolder({ config, tensors, files: { "tokenizer_config.json": tokenizerConfig, ...files } });
  if (model.chatTemplate === null) return null;
  const tokenizer = createTokenizer(model.tokenizerJson, model.tokenizerConfig);
  const template = createTemplate({ kind: "model" }, { tokenizer, chatTemplate: model.chatTemplate });
  const text = (more: object) => textOf(template.render({ messages: [question], ...more }).segments);
  return [text({}), text({ tools })].map((one) => one.replace("x</s>", ""));
}

describe("the template of a folder", () => {
  const rows: readonly (readonly [string, unknown, Readonly<Record<string, string>>, string[] | null])[] = [
    ["none", undefined, {}, null],
    ["a text", said("T"), {}, ["T", "T"]],
    ["a list with one for tools", list("default", "tool_use"), {}, ["default", "tool_use"]],
    ["a list with one for documents", list("rag", "default"), {}, ["default", "default"]],
    ["a list with a name twice", [...list("default"), { name: "default", template: said("E") }], {}, ["E", "E"]],
    ["an object", { default: said("D"), tool_use: said("U") }, {}, ["D", "U"]],
    ["a file and a text", said("T"), { [jinja]: said("J") }, ["J", "J"]],
    ["a file and a list", list("default", "tool_use"), { [jinja]: said("J") }, ["J", "J"]],
    ["a file and another for tools", undefined, { [jinja]: said("J"), [additional]: said("A") }, ["J", "A"]],
    ["a text and chat_template.json", said("T"), { [json]: textFile("S") }, ["T", "T"]],
    ["a file and chat_template.json", undefined, { [jinja]: said("J"), [json]: textFile("S") }, ["J", "J"]],
    // transformers' tokenizers refuse the rest; its processors read chat_template.json.
    ["chat_template.json", undefined, { [json]: textFile("S") }, ["S", "S"]],
    ["a text and a file for tools", said("T"), { [additional]: said("A") }, ["T", "A"]],
    ["a list without a default", list("x"), {}, ["x", "x"]],
    ["a list for tools alone", list("tool_use"), {}, ["tool_use", "tool_use"]],
    ["an empty list", [], {}, null],
  ];
  it.each(rows)("%s", async (_, chatTemplate, files, wanted) => {
    expect(await rendered(chatTemplate, files)).toEqual(wanted);
  });

  it.each([
    ["chat_template.json", { [json]: JSON.stringify({ chat_template: 5 }) }, "chat_template.json: chat_template is 5"],
    ["chat_template.json without a template", { [json]: "[]" }, "chat_template.json is JSON but not an object"],
  ])("%s that is no text is refused", async (_, files, message) => {
    expect(await refusal(openFolder({ config, tensors, files }))).toContain(message);
  });
});

describe("a template for tools and one for the rest, joined", () => {
  /** The output of Jinja itself, without the search for answers. */
  const output = (source: string, given: Value) => {
    const clock = createClock();
    const variables = new Map<string, Value>([
      ["tools", given],
      ["x", "x"],
    ]);
    return run(compile(source, clock), { variables, messages: new Map(), length: 0, now: new Date(0) }, clock).text;
  };
  const parts = ["", "\n", "\n\n", "  ", "a\n  ", "\r\n", "{#- c -#}\n", "\t\n \n", "{%- set y = 1 %}", "{{ x }}\n"];
  const cases = parts.flatMap((before) => parts.map((after) => [before, after] as const));
  it.each(cases)("keeps the white space %j and %j", async (before, after) => {
    const source = (mark: string) => `${before}{% if x %}${mark}\n{% endif %}${after}`;
    const list = { default: source("D"), tool_use: source("U") };
    const joined = chatTemplateOf({ chat_template: list }) ?? "";
    expect([output(joined, null), output(joined, [])]).toEqual([output(source("D"), null), output(source("U"), [])]);
  });

  it("works with macros, and is exported as it is", async () => {
    const macro =
      "{%- macro shown(t) %}[{{ t.name }}]{% endmacro %}{% for t in tools %}{{ shown(t.function) }}{% endfor %}";
    const files = { [jinja]: golden("chatml"), [additional]: `${macro}\n${golden("chatml")}` };
    const model = await openFolder({ config, tensors, files });
    const source = model.chatTemplate ?? "";
    const tokenizer = createTokenizer(model.tokenizerJson, { eos_token: "</s>" });
    expect(templateSource({ kind: "model" }, { tokenizer, chatTemplate: source }, null)).toBe(source);
    expect(source).toContain(macro);
  });
});

describe("the folder of further templates", () => {
  const files = {
    "config.json": jsonBytes(config),
    "tokenizer.json": jsonBytes({ model: { type: "BPE", vocab: { a: 0 } } }),
    [jinja]: new TextEncoder().encode("J"),
    "model.safetensors": writeSafetensors(tensors),
  };
  const more = { ...files, [additional]: new TextEncoder().encode("A") };
  const both = "{% if tools is not none %}\nA{%+ else %}\nJ{%+ endif %}";

  test("comes with a chosen folder, and is part of the stored files but not of the hash", async () => {
    const template = new File(["A"], "tool_use.jinja");
    Object.defineProperty(template, "webkitRelativePath", { value: `top/model/${additional}` });
    const chosen = [...asChosenFolder(files, "top/model"), template];
    const model = await openModel(modelFromFiles(chosen), tensorsOfConfig);
    // In the worker a file has its path as its name.
    const named = [...Object.entries(more)].map(([name, bytes]) => new File([bytes], name));
    expect((await openModel(modelFromFiles(named), tensorsOfConfig)).chatTemplate).toBe(both);
    expect(model.chatTemplate).toBe(both);
    expect(model.files.map(({ name }) => name)).toContain(additional);
    const plain = await openModel(modelFromFiles(asChosenFolder(files, "top/model")), tensorsOfConfig);
    expect(plain.chatTemplate).toBe("J");
    // Earlier versions did not read it.
    expect(await plain.readAll()).toBe(await model.readAll());
  });

  test("comes with a repository, where other folders do not", async () => {
    const other = new TextEncoder().encode("other");
    const deep = { "additional_chat_templates/deep/x.jinja": other, "onnx/config.json": other };
    const server = await fakeHub({ "owner/name": { files: { ...more, ...deep } } });
    try {
      const repository = await readRepository({ id: "owner/name", revision: "main", folder: "" });
      const model = await openModel(modelFromRepository(repository), tensorsOfConfig);
      expect(model.chatTemplate).toBe(both);
      expect(repository.files.map(({ name }) => name).sort()).toEqual(Object.keys(more).sort());
    } finally {
      await server.close();
    }
  });
});

describe("stop tokens", () => {
  const text = (value: object) => ({ "generation_config.json": JSON.stringify(value) });
  it.each<[string, object, Readonly<Record<string, string>>, readonly number[]]>([
    ["config.json alone", { eos_token_id: 2 }, {}, [2]],
    ["a list of config.json", { eos_token_id: [2, 7] }, {}, [2, 7]],
    ["null", { eos_token_id: null }, {}, []],
    ["none", {}, {}, []],
    ["generation_config.json", { eos_token_id: 2 }, text({ eos_token_id: 5 }), [5]],
    ["a list of generation_config.json", { eos_token_id: 2 }, text({ eos_token_id: [5, 6, 5] }), [5, 6]],
    ["an empty list", { eos_token_id: 2 }, text({ eos_token_id: [] }), []],
    // transformers would never stop; config.json still names the end.
    ["generation_config.json without it", { eos_token_id: 2 }, text({ temperature: 0.6 }), [2]],
    ["values that are no id", {}, text({ eos_token_id: [1, -1, 2.5, "3", null, true] }), [1]],
  ])("%s", async (_, fields, files, ids) => {
    expect((await openFolder({ config: { ...config, ...fields }, tensors, files })).stopIds).toEqual(ids);
  });
});
