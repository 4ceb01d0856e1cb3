/** The hard checks (DOMAIN.md, "What goes wrong elsewhere", 1 to 4): while one fails, no run starts. */

import type { Truncated } from "../batching/truncate.ts";
import type { Example } from "../records/example.ts";
import { shortened } from "../records/read/row.ts";
import type { Template } from "../templates/template.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { counted } from "./findings.ts";
import type { Check, CheckKind, DataReport } from "./report.ts";
import type { Tokenized } from "./tokenize.ts";

export interface PreflightOptions {
  readonly sources: readonly { readonly name: string; readonly lambda: number }[];
  readonly tokenizer: Pick<Tokenizer, "bos" | "addBos" | "size">;
  readonly template: Pick<Template, "name" | "opensWithBos" | "stopIds">;
}

/** What one source has of examples, and of those that are trained on, not held out. */
export interface SourceCounts {
  readonly examples: number;
  readonly training: number;
}

export interface Preflight {
  /** One sequence, as it will be trained on. */
  see(example: Example, tokenized: Tokenized, sequence: Truncated, source: number): void;
  /** All checks, in the order in which a person would look; `counts` are per source. */
  checks(counts: readonly SourceCounts[]): Check[];
}

/** Rows at fault that a check lists. */
const mostRows = 20;

export function createPreflight({ sources, tokenizer, template }: PreflightOptions): Preflight {
  const { bos, size } = tokenizer;
  const stops = new Set(template.stopIds);
  const faults: Partial<Record<CheckKind, Fault>> = {};
  /** Text of the stop tokens that were seen, by id. */
  const stopTexts = new Map<number, string>();
  const proofs = new Map<string, number>();
  let chats = 0;
  let stopped = 0;
  let cut = 0;

  const rowName = (source: number, row: number) =>
    sources.length > 1 ? `${sources[source]?.name ?? "?"}, row ${row + 1}` : `Row ${row + 1}`;

  return {
    see(example, tokenized, sequence, source) {
      const { ids, mask, kept } = sequence;
      const { encoding, proof } = tokenized;
      const { row } = example;
      const textOf = (i: number) => encoding.text.slice(encoding.starts[kept[i] ?? 0], encoding.ends[kept[i] ?? 0]);
      const fail = (kind: CheckKind, reason: string) => {
        const fault = faults[kind] ?? { title: `${rowName(source, row)}: ${reason}`, sources: [], rows: [] };
        faults[kind] = fault;
        if (fault.rows.length === mostRows || (fault.rows.at(-1) === row && fault.sources.at(-1) === source)) return;
        fault.sources.push(source);
        fault.rows.push(row);
      };
      proofs.set(proof, (proofs.get(proof) ?? 0) + 1);

      if (bos) {
        const wanted = (example.kind === "text" ? tokenizer.addBos : template.opensWithBos) ? 1 : 0;
        let found = 0;
        while (ids[found] === bos.id) found++;
        // Behind a stop token it opens the next turn: Llama 2's own template writes one before each question.
        let inner = stops.has(bos.id) ? -1 : ids.indexOf(bos.id, found);
        while (inner !== -1 && stops.has(ids[inner - 1] ?? -1)) inner = ids.indexOf(bos.id, inner + 1);
        if (found !== wanted) {
          fail("bos", `it begins with ${found} tokens "${bos.text}", and the model wants ${wanted}`);
        } else if (inner !== -1) {
          fail("bos", `token ${inner + 1} is "${bos.text}", which belongs at the beginning only`);
        }
      }

      let learnt = 0;
      let foreign: number | null = null;
      for (let i = 0; i < ids.length; i++) {
        const id = ids[i] ?? -1;
        if (!(id >= 0 && id < size)) foreign ??= id;
        if (mask[i] === 1) learnt++;
      }
      if (foreign !== null) fail("spans", `it has token ${foreign}, and the vocabulary ends at ${size - 1}`);
      if (mask[0] === 1) fail("spans", "its first token is supervised, and nothing predicts it");
      if (learnt === 0) fail("supervised", "no token is supervised");

      if (example.kind !== "chat") return;
      chats++;
      const stopName = () => [...template.stopIds].join(" or ");
      const inside = encoding.straddled > 0 || example.messages.some(({ parts }) => parts !== undefined);
      const lastLearnt = encoding.mask.lastIndexOf(1);
      const endIsCut = (kept.at(-1) ?? -1) < lastLearnt;
      let ends = 0;
      let begin = -1;
      for (let i = 1; i < ids.length; i++) {
        if (mask[i] !== 1) continue;
        if (begin === -1) begin = i;
        if (mask[i + 1] === 1) continue;
        // A stretch of learnt tokens ends here; white space behind its stop token is the template's.
        let last = i;
        while (last > begin && !stops.has(ids[last] ?? -1) && textOf(last).trim() === "") last--;
        begin = -1;
        const id = ids[last] ?? -1;
        if (stops.has(id)) {
          stopTexts.set(id, textOf(last));
          ends++;
          continue;
        }
        // Up to the next learnt token, or to the end: is the stop token masked, cut away, or was there none?
        let next = i + 1;
        while (next < ids.length && mask[next] !== 1 && !stops.has(ids[next] ?? -1)) next++;
        if (next === ids.length && endIsCut) cut++;
        else if (next < ids.length && mask[next] === 1 && inside) continue;
        else {
          const what = `${ids[i]} (${JSON.stringify(shortened(textOf(i), 40))})`;
          fail("stop", `a response ends in token ${what} and not in a stop token (${stopName()})`);
        }
      }
      if (ends > 0) stopped++;
    },

    checks(counts) {
      const total = counts.reduce((sum, { examples }) => sum + examples, 0);
      const check = (kind: CheckKind, passedTitle: string, why: string, wayOut: string, otherFault?: string): Check => {
        const fault = faults[kind];
        const title = fault?.title ?? otherFault;
        const rows = { sources: fault?.sources ?? [], rows: fault?.rows ?? [] };
        if (title === undefined) return { kind, passed: true, title: passedTitle, detail: why, rows };
        return { kind, passed: false, title, detail: `${teachesWrongly(kind)}${wayOut}`, rows };
      };
      const stopText = [...stopTexts.values()].map((text) => JSON.stringify(text)).join(" or ");
      const noStop =
        chats > 0 && stopped === 0
          ? `the length limit cuts the stop token away from all ${counted(chats, "example")}`
          : undefined;
      const cutToo = cut > 0 ? `, but for ${counted(cut, "answer")} that the length limit cuts` : "";
      const wanted = template.opensWithBos ? "exactly one" : "no";
      return [
        check(
          "rows",
          `${counted(total, "example")} to learn from`,
          "Rows that cannot be used are listed with the reason.",
          "See the list of rows left out: most often they exceed the length limit, or the mapping names other columns.",
          total === 0 ? "No row is left to train on" : undefined,
        ),
        check(
          "stop",
          chats === 0 && total > 0
            ? "Plain text only: there is no answer that would have to stop"
            : `Every answer ends in a learnt ${stopText || "stop token"}${cutToo}`,
          "A model that never learns its stop token never stops.",
          noStop
            ? "Raise the length limit, or cut from the left."
            : "Choose a template that ends answers in a token that the tokenizer knows, inside of what is learnt.",
          noStop,
        ),
        check(
          "bos",
          bos === null
            ? "The model has no BOS token, and none is written"
            : `Every example begins with ${wanted} ${bos.text}`,
          "One BOS too many or too few is a beginning that the model has never seen.",
          "The template is the only source of special tokens: choose another template, or write BOS there once or not at all, as the model wants it.",
        ),
        check(
          "supervised",
          "Every example has tokens to learn",
          "An example without any makes the loss 0 or not a number.",
          "Check the weights of the row and what the mask learns, or take the row out.",
        ),
        check(
          "spans",
          `What is learnt is known from ${[...proofs.keys()].map((proof) => proofNames[proof] ?? proof).join(" and ") || "the template"}`,
          "Answers are found by structure, never by searching the text.",
          "Choose another template, or take the row out.",
        ),
        mixtureCheck(sources, counts),
      ];
    },
  };
}

interface Fault {
  readonly title: string;
  readonly sources: number[];
  readonly rows: number[];
}

const proofNames: Readonly<Record<string, string>> = {
  structure: "the template's own structure",
  "generation tags": "the template's generation tags",
  prefixes: "verified prefixes of each conversation",
  marks: "marks around the contents, verified",
};

const teachesWrongly = (kind: CheckKind) =>
  kind === "rows" || kind === "mixture" ? "" : "Training on it would teach the model wrongly. ";

function mixtureCheck(sources: PreflightOptions["sources"], counts: readonly SourceCounts[]): Check {
  const faults = sources.flatMap(({ name, lambda }, k) => {
    const { examples = 0, training = 0 } = counts[k] ?? {};
    if (!(Number.isFinite(lambda) && lambda > 0)) {
      return [
        {
          title: `The weight λ of ${name} is ${lambda}`,
          detail: "It must be a number above 0: raise it, or remove the source.",
        },
      ];
    }
    if (examples === 0) {
      return [
        { title: `${name} gives no example`, detail: "See its rows left out and its mapping, or remove the source." },
      ];
    }
    if (training === 0) {
      return [
        {
          title: `All ${counted(examples, "example")} of ${name} are held out for validation`,
          detail: "Lower the validation share, add rows, or take the split column out of the mapping.",
        },
      ];
    }
    return [];
  });
  const [fault] = faults;
  const rows = { sources: [], rows: [] };
  if (fault) return { kind: "mixture", passed: false, ...fault, rows };
  const title =
    sources.length === 1
      ? "The source has examples to train on"
      : "Every source has examples to train on and a weight λ above 0";
  return {
    kind: "mixture",
    passed: true,
    title,
    detail: "A source without any would have no share in the mixture.",
    rows,
  };
}

/** Throws what failed, and the way out, when a hard check of the rows failed. */
export function assertReady({ checks }: DataReport): void {
  const failed = checks.find(({ passed }) => !passed);
  if (failed) throw new Error(`${failed.title}, so the run was not started. ${failed.detail}`);
}
