/** The fake engine's runs: their owner's words, sizes, and files of them, as the contracts say. */

import type { EngineApi, EngineEvent, Exported } from "../../src/protocol/engine.ts";
import { columnsOf, progressOf } from "../../src/run/curves.ts";
import type { RunRecord, WholeRecord } from "../../src/run/record.ts";

type RunCalls = Pick<
  EngineApi,
  | "listRuns"
  | "curvesOf"
  | "editRun"
  | "deleteRun"
  | "runSizes"
  | "exportArtifacts"
  | "exportAdapter"
  | "exportModel"
  | "exportRecord"
  | "exportRun"
  | "importRun"
>;

/** A run with its curves, as the fake engine keeps it. */
export type FakeRun = RunRecord & Pick<WholeRecord, "metrics" | "evaluations">;

/** What the page is told of it. */
export const recordOf = ({ metrics, evaluations, ...record }: FakeRun): RunRecord => ({
  ...record,
  progress: progressOf(metrics, evaluations),
});

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function exported(content: string, names: readonly string[], change: Partial<Exported> = {}): Exported {
  const files = names.map((name) => ({ name, byteLength: content.length }));
  return { archive: new Blob([content]), files, notes: [], tensors: 14, ...change };
}

/** Changes `runs`. A file that is taken in is a record as JSON. */
export function createFakeRuns(runs: Map<string, FakeRun>, pace: number, emit: (event: EngineEvent) => void): RunCalls {
  const get = (runId: string) => {
    const run = runs.get(runId);
    if (!run) throw new Error(`There is no run ${runId} in this browser.`);
    return run;
  };
  const slowly = async (task: string, signal: AbortSignal | undefined) => {
    for (let done = 1; done <= 5; done++) {
      emit({ type: "progress", task, done, total: 5 });
      await wait(pace);
      signal?.throwIfAborted();
    }
  };
  return {
    listRuns: async () => [...runs.values()].map(recordOf),
    async curvesOf(runId) {
      const { metrics, evaluations } = get(runId);
      return { steps: columnsOf(metrics), evaluations };
    },
    async editRun(runId, change) {
      const edited = { ...get(runId), ...change };
      runs.set(runId, edited);
      return recordOf(edited);
    },
    deleteRun: async (runId) => void runs.delete(runId),
    runSizes: async () => Object.fromEntries([...runs.values()].map(({ id, step }) => [id, step * 20_000])),
    async exportAdapter(runId, signal) {
      await wait(pace);
      signal?.throwIfAborted();
      const notes = get(runId).step === 0 ? ["The adapter changes nothing: every B is zero."] : [];
      return exported("adapter", ["adapter_config.json"], { notes });
    },
    async exportModel(_runId, signal) {
      await slowly("Writing the merged model", signal);
      return exported("model", ["model.safetensors"]);
    },
    async exportArtifacts(_runId, signal) {
      await slowly("Compiling", signal);
      const names = ["training_model.onnx", "optimizer_model.onnx", "eval_model.onnx", "generation_model.onnx"];
      const artifacts = names.map((name) => ({
        name,
        content: new Blob(["graph"]),
        inputs: ["input_ids", "position_ids"],
        outputs: ["loss_sum"],
        operators: 210,
      }));
      return { ...exported("graph", names, { tensors: 0 }), artifacts };
    },
    exportRecord: async (runId) => ({ name: "run.json", content: new Blob([JSON.stringify(get(runId))]) }),
    async exportRun(runId, signal) {
      await slowly("Writing the run", signal);
      return exported(JSON.stringify(get(runId)), ["run.json", "manifest.json"], {
        notes: ["The base model is not in it."],
      });
    },
    async importRun(file, signal) {
      await slowly(`Checking ${file.name}`, signal);
      const text = await file.text();
      if (!text.startsWith("{")) throw new Error(`${file.name} is no run of Hone: it has no manifest.json.`);
      const record = JSON.parse(text) as FakeRun;
      if (runs.has(record.id))
        return { record: recordOf(get(record.id)), added: false, notes: ["This run is here already."] };
      runs.set(record.id, record);
      return { record: recordOf(record), added: true, notes: [] };
    },
  };
}
