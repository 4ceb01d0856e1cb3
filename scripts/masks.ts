/**
 * `npm run masks -- DIR [--model DIR] [--python PATH] [--json FILE]`: compares Hone's token ids and masks with those that TRL
 * prepares with `assistant_only_loss`, for each template of a folder that has generation tags. Where DIR is a model's folder
 * or has such folders, it compares each model's ids in its own template, and runs the hard checks. A development command: it
 * needs a Python with transformers.
 */

import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { createChatTemplate } from "../src/templates/chatTemplate.ts";
import { createClock } from "../src/templates/clock.ts";
import { compile } from "../src/templates/jinja/parse.ts";
import { type Template, TemplateError } from "../src/templates/template.ts";
import { createTokenizer, type Tokenizer } from "../src/tokenizer/tokenizer.ts";
import { existing, runCommand, writeJson } from "./harness/arguments.ts";
import { conversations, type Spoken } from "./oracle/conversations.ts";
import {
  compare,
  type Masked,
  type MaskJob,
  type MaskResult,
  type Mine,
  maskWithPython,
  prepare,
  pythonRow,
  transformersMissing,
} from "./oracle/masks.ts";
import { judgeModels, type ModelVerdict, modelFolders } from "./oracle/modelFolders.ts";
import { withMarkers } from "./oracle/tokenizer.ts";

const usage = "npm run masks -- DIR [--model DIR] [--python PATH] [--json FILE]";

/** A template with its tokenizer; a text where Hone refuses the template. */
interface Subject {
  readonly name: string;
  readonly tokenizer: Tokenizer;
  readonly template: Template | string;
  readonly job: MaskJob;
}

function createSubject(name: string, source: string, model: { json: unknown; config: unknown }): Subject | null {
  const program = compile(source, createClock());
  if (!program.hasGenerationTags) return null;
  const files = withMarkers(model, source);
  const tokenizer = createTokenizer(files.json, files.config);
  const rows = Object.values(conversations).map((spoken) => pythonRow(program.words, spoken));
  let template: Template | string;
  try {
    template = createChatTemplate({ name, source, tokenizer, own: true });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    template = error.message;
  }
  return { name, tokenizer, template, job: { template: source, files, rows } };
}

/** How the preparations of a row differ. */
interface Verdict {
  readonly kind: "equal" | "explained" | "unexplained" | "refused by both" | "refused by Hone" | "refused by TRL";
  readonly places: readonly { readonly reason: string | null; readonly shown: string }[];
}

function judge({ tokenizer, template }: Subject, spoken: Spoken, theirs: MaskResult): Verdict {
  const mine = typeof template === "string" ? template : prepare(template, tokenizer, spoken);
  if (typeof mine === "string") {
    const both = "error" in theirs;
    return {
      kind: `refused by ${both ? "both" : "Hone"}`,
      places: [{ reason: mine, shown: both ? theirs.error : "" }],
    };
  }
  if ("error" in theirs) return { kind: "refused by TRL", places: [{ reason: null, shown: theirs.error }] };
  const differences = compare(mine, theirs, tokenizer);
  const shown = ({ ids, mask }: Mine | Masked, [from, to]: readonly [number, number]) =>
    ids
      .slice(from, to)
      .map((id, n) => `${mask[from + n] ? "+" : "-"}${JSON.stringify(tokenizer.show(id))}`)
      .join(" ");
  const places = differences.map(({ reason, mine: own, theirs: other }) => ({
    reason,
    shown: `Hone ${shown(mine, own)}, TRL ${shown(theirs, other)}`,
  }));
  if (places.length === 0) return { kind: "equal", places };
  return { kind: places.every(({ reason }) => reason !== null) ? "explained" : "unexplained", places };
}

/** A line for each model, then its differences and failed checks; exit 1 with any of them. */
function showModels(verdicts: readonly ModelVerdict[], json: string | undefined): void {
  console.table(
    verdicts.map(({ differences, failed, ...others }) => ({
      ...others,
      different: differences.length,
      checks: failed.length === 0 ? "passed" : `${failed.length} failed`,
    })),
  );
  for (const { model, differences, failed } of verdicts)
    for (const line of [...differences, ...failed]) console.info(`${model}, ${brief(line)}`);
  writeJson(json, verdicts);
  if (verdicts.some(({ differences, failed }) => differences.length + failed.length > 0)) process.exitCode = 1;
}

const brief = (text: string) => (text.length > 200 ? `${text.slice(0, 200)}…` : text);

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { model: { type: "string" }, python: { type: "string" }, json: { type: "string" } },
  });
  const folder = existing("folder", positionals[0], usage);
  const model = existing("model", values.model ?? "public/models/seedling", usage);
  const python = values.python ?? "python3";
  const missing = transformersMissing(python);
  if (missing !== null) {
    console.info(`Skipped: ${missing}.`);
    return;
  }
  const models = await modelFolders(folder);
  if (models.length > 0) {
    showModels(await judgeModels(python, models), values.json);
    return;
  }
  const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(model, name), "utf8"));
  const files = { json: await read("tokenizer.json"), config: await read("tokenizer_config.json") };
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && /\.(jinja2?|j2)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const subjects: Subject[] = [];
  for (const path of paths) {
    const subject = createSubject(relative(folder, path), await readFile(path, "utf8"), files);
    if (subject) subjects.push(subject);
  }
  const theirs = maskWithPython(
    python,
    subjects.map(({ job }) => job),
  );
  const counts: Record<Verdict["kind"], number> = {
    equal: 0,
    explained: 0,
    unexplained: 0,
    "refused by both": 0,
    "refused by Hone": 0,
    "refused by TRL": 0,
  };
  const reasons: Record<string, { templates: number; rows: number; places: number }> = {};
  const report: Record<string, Record<string, Verdict>> = {};
  subjects.forEach((subject, nth) => {
    const own: Record<string, Verdict> = {};
    Object.entries(conversations).forEach(([row, spoken], at) => {
      const verdict = judge(subject, spoken, theirs[nth]?.[at] ?? { error: "no result" });
      own[row] = verdict;
      counts[verdict.kind]++;
      if (verdict.kind === "equal" || verdict.kind === "refused by both") return;
      for (const { reason, shown } of verdict.places)
        if (verdict.kind !== "explained" && !(verdict.kind === "unexplained" && reason !== null))
          console.info(`${subject.name}, ${row}: ${verdict.kind}: ${brief(`${reason ?? ""} ${shown}`.trim())}`);
    });
    report[subject.name] = own;
    const seen = Object.values(own).filter(({ kind }) => kind === "explained" || kind === "unexplained");
    const known = new Set(seen.flatMap(({ places }) => places.map(({ reason }) => reason ?? "unexplained")));
    for (const reason of known) {
      const count = reasons[reason] ?? { templates: 0, rows: 0, places: 0 };
      const places = seen.map((row) => row.places.filter((place) => (place.reason ?? "unexplained") === reason).length);
      count.templates++;
      count.rows += places.filter((length) => length > 0).length;
      count.places += places.reduce((sum, length) => sum + length, 0);
      reasons[reason] = count;
    }
  });
  console.table({ templates: subjects.length, ...counts });
  if (Object.keys(reasons).length > 0) console.table(reasons);
  writeJson(values.json, { counts, reasons, templates: report });
  if (counts.unexplained > 0) process.exitCode = 1;
}

runCommand(main);
