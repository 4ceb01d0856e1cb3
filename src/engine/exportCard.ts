/** The model card of an export, from what the storage has of its run; and an adapter's chat template. */

import { type CardForm, modelCard } from "../export/card.ts";
import type { Bundle } from "../export/files.ts";
import type { ExportedTemplate, TemplateWriter } from "../export/template.ts";
import type { WrittenType } from "../gguf/blocks.ts";
import { hubReference } from "../hub/huggingFace.ts";
import { catalogue } from "../models/catalogue.ts";
import { exactGrader } from "../run/grading/grader.ts";
import type { RunRecord } from "../run/record.ts";
import { comparisonKey, type ExamResult } from "../run/results.ts";
import type { Storage } from "../storage/storage.ts";
import type { LoadedModel } from "./library.ts";

interface CardFacts {
  readonly form: CardForm;
  readonly run: RunRecord;
  readonly model: LoadedModel;
  /** Step of the exported weights. */
  readonly step: number | null;
  /** Of a GGUF file of a whole model. */
  readonly type?: WrittenType;
  /** Of an adapter. */
  readonly template?: ExportedTemplate | null;
}

const isPlain = ({ grader, sampling }: ExamResult) =>
  (grader ?? exactGrader).kind === "exact" && (sampling?.temperature ?? 0) === 0;

/** The bundle with the model card of its run. */
export async function withCard(
  storage: Storage,
  bundle: Bundle,
  { form, run, model, step, type, template }: CardFacts,
): Promise<Bundle & { readonly card: string }> {
  const { address } = model.summary;
  const reference = address === null ? null : hubReference(address);
  const baseId = reference?.folder === "" ? reference.id : null;
  const { evaluations } = await storage.curves.read(run.id);
  const { exams: own } = await storage.results.listExams({ kind: "run", id: run.id });
  const { exams: ofBase } = await storage.results.listExams({ kind: "model", id: run.model.hash });
  const keys = new Set(own.map(comparisonKey));
  const card = modelCard({
    ...{ form, run, baseId, step, evaluations },
    licence: catalogue.find(({ id }) => id === baseId)?.licence ?? null,
    // The card's figure is exact match.
    exams: [...ofBase.filter((exam) => keys.has(comparisonKey(exam))), ...own].filter(isPlain),
    type: type ?? null,
    ggufFile: bundle.files.find(({ name }) => name.endsWith(".gguf"))?.name ?? null,
    template: template ?? null,
    notes: bundle.notes,
  });
  return { ...bundle, files: [...bundle.files, card], card: await card.content.text() };
}

/** The run's template; null where other programs cannot use it, which does not stop the export of an adapter. */
export async function templateIfAny(
  templates: Pick<TemplateWriter, "express">,
  signal: AbortSignal | undefined,
): Promise<ExportedTemplate | null> {
  try {
    return await templates.express();
  } catch (error) {
    signal?.throwIfAborted();
    // The error comes from another thread, with its name but not its class.
    if (error instanceof Error && error.name === "ExportError") return null;
    throw error;
  }
}

const noTemplate = "The zip has no chat template, because other programs cannot use this run's.";

/** An adapter's files with its template, which is seldom that of its base. */
export function withTemplate(bundle: Bundle, template: ExportedTemplate | null): Bundle {
  if (template === null) return { ...bundle, notes: [...bundle.notes, noTemplate] };
  const file = { name: "chat_template.jinja", content: new Blob([template.source], { type: "text/plain" }) };
  return { ...bundle, files: [...bundle.files, file], notes: [...bundle.notes, ...template.notes] };
}
