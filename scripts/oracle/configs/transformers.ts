/** transformers as the oracle of a config, where this machine has it. */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeSafetensors } from "../../../src/hub/safetensors.ts";
import type { FileWeight } from "./model.ts";

const script = fileURLToPath(new URL("../configs.py", import.meta.url));

/** A folder for transformers; without weights, the question is only whether it can create such a model. */
export interface Job {
  /** The text of config.json. */
  readonly config: string;
  readonly weights: readonly FileWeight[] | null;
  readonly ids: readonly number[];
}

export type Answer =
  | {
      readonly tied: boolean;
      /** config.json as transformers writes it. */
      readonly saved: string;
      /** Names of parameters that the folder does not have, and of tensors that the model does not use. */
      readonly missing: readonly string[];
      readonly unexpected: readonly string[];
      /** [T, V]. */
      readonly logits: Float32Array;
    }
  | { readonly error: string };

/** Why the Python at this path cannot be the oracle; null where it can. */
export function transformersMissing(python: string): string | null {
  const { status, error } = spawnSync(python, ["-c", "import torch, transformers"], { stdio: "ignore" });
  if (error) return `${python} is not installed`;
  return status === 0 ? null : `${python} has no transformers with torch: install them by pip, or use --python PATH`;
}

/** Opens each model with transformers, all in one process. */
export function openWithTransformers(python: string, jobs: readonly Job[]): Answer[] {
  const folders = jobs.map(({ config, weights, ids }) => {
    const tensors = weights?.map((weight) => ({ ...weight, dtype: "F32" as const }));
    return {
      files: {
        "config.json": new TextEncoder().encode(config),
        ...(tensors && { "model.safetensors": writeSafetensors(tensors, { format: "pt" }) }),
      },
      ids: weights ? ids : null,
    };
  });
  return foldersWithTransformers(python, folders);
}

/** A folder's files by name; without ids, the question is only whether transformers can create such a model. */
export interface Folder {
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly ids: readonly number[] | null;
}

/** Opens each folder with transformers, all in one process. */
export function foldersWithTransformers(python: string, jobs: readonly Folder[]): Answer[] {
  const root = mkdtempSync(join(tmpdir(), "hone-folders-"));
  try {
    const folders = jobs.map(({ files }, i) => {
      const folder = join(root, `${i}`);
      mkdirSync(folder);
      for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
      return folder;
    });
    const input = JSON.stringify(jobs.map(({ ids }, i) => ({ folder: folders[i], ids })));
    const env = { ...process.env, HF_HUB_OFFLINE: "1" };
    const run = spawnSync(python, [script], { input, encoding: "utf8", maxBuffer: 2 ** 28, env });
    const lines = run.stdout.trim().split("\n");
    if (run.status !== 0 || lines.length !== jobs.length)
      throw new Error(`${python} failed: ${run.stderr.slice(-2000)}`);
    return lines.map((line, i): Answer => {
      const answer = JSON.parse(line);
      if (answer.error !== undefined) return answer;
      const bytes = jobs[i]?.ids ? readFileSync(join(folders[i] ?? "", "logits.bin")) : new Uint8Array();
      return { missing: [], unexpected: [], tied: false, saved: "", ...answer, logits: floatsOf(bytes) };
    });
  } finally {
    rmSync(root, { recursive: true });
  }
}

const floatsOf = (bytes: Uint8Array) => new Float32Array(Uint8Array.from(bytes).buffer);
