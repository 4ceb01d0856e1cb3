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
  /** `general`: a source of general text, which may be held out as a whole. */
  readonly sources: readonly { readonly name: string; readonly lambda: number; readonly general?: boolean }[];
  readonly tokenizer: Pick<Tokenizer, "bos" | "addBos" | "size">;
  readonly template: Pick<Template, "name" | "opensWithBos" | "repeatsBos" | "stopIds" | "turnEnds">;
}

/** A source's number of examples, and of those in the training split. */
export interface SourceCounts {
  readonly examples: number;
  readonly training: number;
}

export interface Preflight {
  /** Adds one training sequence. */
  add(example: Example, tokenized: Tokenized, sequence: Truncated, source: number): void;
  /** All checks, in a fixed order; `counts` per source. */
  checks(counts: readonly SourceCounts[]): Check[];
}

/** Most faulty rows that a check lists. */
const mostRows = 20;

export function createPreflight({ sources, tokenizer, template }: PreflightOptions): Preflight {
  const { bos, size } = tokenizer;
  const stops = new Set([...template.stopIds, ...(template.turnEnds ?? [])]);
  const faults: Partial<Record<CheckKind, Fault>> = {};
  /** Texts of the stop tokens found, by id. */
  const stopTexts = new Map<number, string>();
  const proofs = new Map<string, number>();
  let chats = 0;
  let stopped = 0;
  let cut = 0;

  const rowName = (source: number, row: number) =>
    sources.length > 1 ? `${sources[source]?.name ?? "?"}, row ${row + 1}` : `Row ${row + 1}`;

  return {
    add(example, tokenized, sequence, source) {
      const { ids, mask, indices } = sequence;
      const { encoding, proof } = tokenized;
      const { row } = example;
      const textOf = (i: number) =>
        encoding.text.slice(encoding.starts[indices[i] ?? 0], encoding.ends[indices[i] ?? 0]);
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
        // After a stop token BOS may open the next turn, as in Llama 2's template; in SmolLM2's it opens every turn.
        const free = stops.has(bos.id) || (example.kind === "chat" && template.repeatsBos);
        let inner = free ? -1 : ids.indexOf(bos.id, found);
        while (inner !== -1 && stops.has(ids[inner - 1] ?? -1)) inner = ids.indexOf(bos.id, inner + 1);
        // Even where BOS opens each turn, two at the beginning are one too many, unless the context before them was cut.
        const most = indices.length < encoding.ids.length ? Number.POSITIVE_INFINITY : 1;
        const isRight = free && example.kind === "chat" ? found >= wanted && found <= most : found === wanted;
        if (!isRight) {
          fail("bos", `it begins with ${found} tokens "${bos.text}", but the model expects ${free ? 1 : wanted}`);
        } else if (inner !== -1) {
          fail("bos", `token ${inner + 1} is "${bos.text}", which may only be at the beginning`);
        }
      }

      let supervised = 0;
      let unknownId: number | null = null;
      for (let i = 0; i < ids.length; i++) {
        const id = ids[i] ?? -1;
        if (!(id >= 0 && id < size)) unknownId ??= id;
        if (mask[i] === 1) supervised++;
      }
      if (unknownId !== null) fail("spans", `it has token ${unknownId}, but the vocabulary ends at ${size - 1}`);
      if (mask[0] === 1) fail("spans", "its first token is supervised, but nothing predicts it");
      if (supervised === 0) fail("supervised", "no token is supervised");

      if (example.kind !== "chat") return;
      chats++;
      const stopName = () => [...template.stopIds].join(" or ");
      const hasPartialSpans = encoding.straddled > 0 || example.messages.some(({ parts }) => parts !== undefined);
      const endIsCut = (indices.at(-1) ?? -1) < encoding.mask.lastIndexOf(1);
      let ends = 0;
      let begin = -1;
      for (let i = 1; i < ids.length; i++) {
        if (mask[i] !== 1) continue;
        if (begin === -1) begin = i;
        if (mask[i + 1] === 1) continue;
        // A supervised span ends here; templates may write white space after its stop token.
        let last = i;
        while (last > begin && !stops.has(ids[last] ?? -1) && textOf(last).trim() === "") last--;
        begin = -1;
        const id = ids[last] ?? -1;
        if (stops.has(id)) {
          stopTexts.set(id, textOf(last));
          ends++;
          continue;
        }
        // The span may end within an answer, or the length limit may have cut its stop token.
        let next = i + 1;
        while (next < ids.length && mask[next] !== 1 && !stops.has(ids[next] ?? -1)) next++;
        if (next === ids.length && endIsCut) cut++;
        else if (next < ids.length && mask[next] === 1 && hasPartialSpans) continue;
        else {
          const what = `${ids[i]} (${JSON.stringify(shortened(textOf(i), 40))})`;
          fail("stop", `a response ends in token ${what}, not in a stop token (${stopName()})`);
        }
      }
      if (ends > 0) stopped++;
    },

    checks(counts) {
      const total = counts.reduce((sum, { examples }, k) => sum + (sources[k]?.general ? 0 : examples), 0);
      const check = (kind: CheckKind, passedTitle: string, why: string, remedy: string, otherFault?: string): Check => {
        const fault = faults[kind];
        const title = fault?.title ?? otherFault;
        const rows = { sources: fault?.sources ?? [], rows: fault?.rows ?? [] };
        if (title === undefined) return { kind, passed: true, title: passedTitle, detail: why, rows };
        return { kind, passed: false, title, detail: `${warningOf(kind)}${remedy}`, rows };
      };
      const stopText = [...stopTexts.values()].map((text) => JSON.stringify(text)).join(" or ");
      const noStop =
        chats > 0 && stopped === 0
          ? `the length limit cuts the stop token of all ${counted(chats, "example")}`
          : undefined;
      const cutToo = cut > 0 ? `, except ${counted(cut, "answer")} that the length limit cuts` : "";
      const wanted = template.opensWithBos ? "exactly one" : "no";
      return [
        check(
          "rows",
          `${counted(total, "example")} to train on`,
          "The report lists unusable rows with the reason.",
          "See the list of rows left out. Most often they exceed the length limit, or the mapping has the wrong columns.",
          total === 0 ? "No row is left to train on" : undefined,
        ),
        check(
          "stop",
          chats === 0 && total > 0
            ? "Plain text only: there are no answers that need a stop token"
            : `Every answer ends in a supervised ${stopText || "stop token"}${cutToo}`,
          "A model that is not trained on its stop token never stops.",
          noStop
            ? "Raise the length limit, or cut from the left."
            : "Choose a template whose answers end in a supervised token that the tokenizer knows.",
          noStop,
        ),
        check(
          "bos",
          bos === null
            ? "The model has no BOS token, and the template writes none"
            : `Every example begins with ${wanted} ${bos.text}`,
          "The model has never seen a sequence with one BOS too many or too few.",
          "Only the template writes special tokens. Choose another template, or correct the number of BOS tokens in it.",
        ),
        check(
          "supervised",
          "Every example has supervised tokens",
          "Without supervised tokens the loss is 0 or not a number.",
          "Check the weights of the row and the mask, or exclude the row.",
        ),
        check(
          "spans",
          `The supervised spans are known from ${[...proofs.keys()].map((proof) => proofNames[proof] ?? proof).join(" and ") || "the template"}`,
          "Hone finds answers by structure, never by a search in the text.",
          "Choose another template, or exclude the row.",
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
  origins: "the output of each message's turn, verified",
};

const warningOf = (kind: CheckKind) =>
  kind === "rows" || kind === "mixture" ? "" : "Training on it would teach the model wrongly. ";

function mixtureCheck(sources: PreflightOptions["sources"], counts: readonly SourceCounts[]): Check {
  const faults = sources.flatMap(({ name, lambda, general = false }, k) => {
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
        {
          title: `${name} has no usable example`,
          detail: "See its left-out rows and its mapping, or remove the source.",
        },
      ];
    }
    if (training === 0 && !general) {
      return [
        {
          title: `All ${counted(examples, "example")} of ${name} are held out for validation`,
          detail: "Lower the validation share, add rows, or remove the split column from the mapping.",
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
    detail: "Without examples a source has no share in the mixture.",
    rows,
  };
}

/** Throws the first failed check and its remedy. */
export function assertReady({ checks }: DataReport): void {
  const failed = checks.find(({ passed }) => !passed);
  if (failed) throw new Error(`${failed.title}, so the run was not started. ${failed.detail}`);
}
