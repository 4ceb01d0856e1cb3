/** The program that evaluates a model without training it: one graph, or layer by layer. */

import { compileEvaluation } from "../artifacts/compile.ts";
import type { Method } from "../artifacts/method.ts";
import { compileLayerEvaluation, layerKinds, widenedLayers } from "../artifacts/perLayer.ts";
import type { BatchShape } from "../batching/batch.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { Recipe } from "../run/recipe.ts";
import type { Runtime } from "../runtime/types.ts";
import type { ParameterTensors } from "../training/parameters.ts";
import { createPerLayerEvaluation } from "../training/perLayer.ts";
import type { EvaluationProgram } from "../training/program.ts";
import { createWholeGraphEvaluation } from "../training/wholeGraph.ts";

interface EvaluatorParts {
  readonly runtime: Runtime;
  readonly definition: ModelDefinition;
  /** Null is the base model. */
  readonly method: Method | null;
  readonly parameters: ParameterTensors;
  readonly kind: Recipe["program"];
}

export interface Evaluator {
  readonly program: EvaluationProgram;
  /** Frees its tensors and, unless `keepSessions`, its sessions. */
  end(keepSessions?: boolean): Promise<void>;
}

export function createEvaluator({ runtime, definition, method, parameters, kind }: EvaluatorParts): Evaluator {
  const used = new Set<string>();
  const counted: Pick<Runtime, "tensor" | "session" | "prepare"> = {
    tensor: (...tensor) => runtime.tensor(...tensor),
    session: (artifact) => {
      used.add(artifact.key);
      return runtime.session(artifact);
    },
    prepare: (artifact) => runtime.prepare(artifact),
  };
  const byLayers = () => {
    const kinds = layerKinds(definition, method);
    const widened = widenedLayers(definition, runtime.report.provider);
    const evaluation = (shape: BatchShape) => compileLayerEvaluation(widened, method, kinds, shape);
    return createPerLayerEvaluation(counted, definition, parameters, { kinds, evaluation });
  };
  const whole = () => ({
    ...createWholeGraphEvaluation(counted, parameters, (shape) => compileEvaluation(definition, method, shape)),
    dispose: () => undefined,
  });
  const program = kind === "layers" || kind === "smallest" ? byLayers() : whole();
  return {
    program,
    async end(keepSessions = false) {
      program.dispose();
      if (!keepSessions) await runtime.releaseSessions(({ key }) => used.has(key)).catch(() => undefined);
    },
  };
}
