/** Freezes what transformers makes of the catalogue's forms: `npx tsx tests/golden/catalogue/make.ts PYTHON > tests/golden/catalogue/golden.jsonl` */

import { conversations } from "../../../scripts/oracle/conversations.ts";
import { encodeWithPython, maskWithPython, pythonRow } from "../../../scripts/oracle/masks.ts";
import { createClock } from "../../../src/templates/clock.ts";
import { compile } from "../../../src/templates/jinja/parse.ts";
import {
  baseRows,
  type CatalogueForm,
  catalogueForms,
  catalogueRows,
  renderedWithoutBos,
  taggedTemplate,
} from "../../support/catalogueForms.ts";

const python = process.argv[2];
if (python === undefined) throw new Error("Name a Python that has transformers.");
const print = (name: string, rows: readonly string[], result: readonly object[] | undefined) => {
  for (const [at, row] of rows.entries()) console.log(JSON.stringify({ name, row, ...result?.[at] }));
};
/** transformers' class for GPT-2 drops parts of a tokenizer.json, as SmolLM2's digits; its generic class takes the file as it is. */
const rebuilding = ["GPT2Tokenizer"];
const filesOf = ({ tokenizer: { json, config } }: CatalogueForm) => {
  const named = "tokenizer_class" in config ? config.tokenizer_class : null;
  const generic = rebuilding.includes(String(named)) && { tokenizer_class: "PreTrainedTokenizerFast" };
  return { json, config: { ...config, ...generic } };
};

const own = catalogueForms.filter(({ template }) => template !== null);
const masked = maskWithPython(
  python,
  own.map((form) => {
    const source = taggedTemplate(form.template ?? "");
    const { words } = compile(source, createClock());
    const rows = catalogueRows.map((row) => pythonRow(words, conversations[row] ?? { messages: [] }));
    return { template: source, files: filesOf(form), rows };
  }),
);
own.forEach(({ name }, i) => {
  print(name, catalogueRows, masked[i]);
});

const bases = catalogueForms.filter(({ template }) => template === null);
const encoded = encodeWithPython(
  python,
  bases.map((form) => ({
    template: null,
    files: filesOf(form),
    rows: baseRows.map((row) => renderedWithoutBos(form, row)),
  })),
);
bases.forEach(({ name }, i) => {
  print(name, baseRows, encoded[i]);
});
