/** Hone's rendering of a conversation by any template, without the checks of a chat template. */

import { createConverter } from "../../src/records/formats/convert.ts";
import { readRecords } from "../../src/records/read/read.ts";
import { createClock } from "../../src/templates/clock.ts";
import { Budget } from "../../src/templates/jinja/budget.ts";
import { run } from "../../src/templates/jinja/interpret.ts";
import { compile, type Program } from "../../src/templates/jinja/parse.ts";
import { jsonOf } from "../../src/templates/jinja/print.ts";
import { plain } from "../../src/templates/jinja/text.ts";
import { Dict, type Value } from "../../src/templates/jinja/values.ts";
import { TemplateError } from "../../src/templates/template.ts";
import { asPython, asVariable } from "../../src/templates/variables.ts";
import { bytesFromMemory } from "../../src/tensor/bytes.ts";
import type { Spoken } from "./conversations.ts";
import type { JinjaResult } from "./jinja.ts";

const now = new Date(2024, 6, 26);

/** The conversations of a file of rows, in order. Throws an error with the line of a row that Hone does not read. */
export async function conversationsOf(name: string, bytes: Uint8Array<ArrayBuffer>) {
  const { batches } = await readRecords(bytesFromMemory(name, bytes));
  const convert = createConverter({ format: "mixed", columns: {} });
  const found: { readonly line: number; readonly spoken: Spoken }[] = [];
  for await (const records of batches) {
    for (const record of records) {
      const converted = "problem" in record ? record : convert(record.value);
      if ("problem" in converted) throw new Error(`${name}, line ${record.line}: ${converted.problem}`);
      for (const example of converted.examples)
        if (example.kind === "chat") found.push({ line: record.line, spoken: example });
    }
  }
  return found;
}

export interface HoneRendering {
  readonly result: JinjaResult;
  /** What the template was given. */
  readonly variables: ReadonlyMap<string, Value>;
}

export function renderWithHone(source: string, { messages, tools }: Spoken, generationPrompt: boolean): HoneRendering {
  const clock = createClock();
  const given = (program: Pick<Program, "words">) => {
    const dicts = messages.map((message, i) => asVariable(message, i, program.words));
    const variables = new Map<string, Value>([
      ["bos_token", "<s>"],
      ["eos_token", "</s>"],
      ["messages", dicts],
      ["tools", tools ? tools.map((tool) => asPython(tool, { message: null, field: "tools" })) : null],
      ["documents", null],
      ["add_generation_prompt", generationPrompt],
    ]);
    return { dicts, variables };
  };
  let { variables } = given({ words: new Set() });
  try {
    const program = compile(source, clock);
    const { dicts, variables: own } = given(program);
    variables = own;
    const places = new Map(dicts.map((dict, i) => [dict, i]));
    const output = run(program, { variables, messages: places, length: 1e5, now }, clock);
    return { result: { text: output.text }, variables };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const place = error.place ? `line ${error.place.line}: ` : "";
    return { result: { error: `${place}${error.message}` }, variables };
  }
}

/** JSON of variables, for Python. */
export const jsonTextOf = (variables: ReadonlyMap<string, Value>): string => {
  const options = { indent: null, between: ",", colon: ":", sorted: false, ascii: true };
  return plain(jsonOf(new Dict(variables), options, new Budget(1e7, createClock())));
};
