/** A merged model of a folder, with seeded trained values in place of a run's. */

import { linearsOf, type Method, parametersOf } from "../../../src/artifacts/method.ts";
import { exportMerged } from "../../../src/export/merged.ts";
import { expressTemplate, requireSameTemplate } from "../../../src/export/template.ts";
import type { OpenModel } from "../../../src/hub/model.ts";
import type { ModelDefinition } from "../../../src/models/architecture.ts";
import { memoryScratch } from "../../../src/storage/scratch.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { tokenizerToGguf } from "../../../src/tokenizer/toGguf.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import type { Files } from "./variants.ts";

/** The files of the export. */
export async function merged(opened: OpenModel, model: ModelDefinition, kind: Method["kind"]): Promise<Files> {
  const targets = linearsOf(model).map(({ name }) => name);
  const method: Method = kind === "full" ? { kind } : { kind, rank: 4, alpha: 8, targets };
  const random = createRandom(23);
  const trained = parametersOf(model, method).filter(({ trainable }) => trainable);
  const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig);
  const template = { choice: { kind: "built-in", name: "hone" }, systemPrompt: null } as const;
  const templateModel = { tokenizer, chatTemplate: opened.chatTemplate };
  const { files } = await exportMerged({
    opened,
    model,
    method,
    vocabulary: tokenizer,
    async trained(visit) {
      for (const { name, shape } of trained) {
        const middle = kind === "full" && shape.length < 2 && name.endsWith("weight") ? 1 : 0;
        await visit(
          name,
          Float32Array.from({ length: sizeOf(shape) }, () => middle + 0.1 * random.normal()),
        );
      }
    },
    templates: {
      express: async () => expressTemplate(template, templateModel),
      requireSame: async (written) => requireSameTemplate(template, templateModel, written),
      tokenizer: async (given) => tokenizerToGguf(given),
    },
    scratch: memoryScratch(),
  });
  const bytes = files.map(async ({ name, content }) => [name, new Uint8Array(await content.arrayBuffer())] as const);
  return Object.fromEntries(await Promise.all(bytes));
}
