/** Oracles: the provider's own placement check, and wasm for the numbers. Small models: SwiftShader is slow. */

import { afterAll, describe, expect, it } from "vitest";
import { compileEvaluation, compileGeneration, compileTraining } from "../../src/artifacts/compile.ts";
import type { Artifact } from "../../src/artifacts/contract.ts";
import type { Method } from "../../src/artifacts/method.ts";
import { compileOptimizer } from "../../src/artifacts/optimizer.ts";
import { readConfig } from "../../src/models/llama.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { HostTensor, Runtime } from "../../src/runtime/types.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";

const config = readConfig({
  architectures: ["LlamaForCausalLM"],
  vocab_size: 48,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  tie_word_embeddings: true,
});
const shape = { rows: 2, length: 16, supervised: 8 };
const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };
const targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
const methods: Method[] = [{ kind: "full" }, { kind: "lora", rank: 4, alpha: 8, targets }];

/** Inputs within the range of each port, from one seed. */
function feeds(artifact: Artifact): Record<string, HostTensor> {
  const random = createRandom(3);
  const whole: Record<string, number> = {
    targets: 48,
    input_ids: 48,
    supervised_index: 31,
    position_ids: 16,
    segment_ids: 2,
  };
  return Object.fromEntries(
    artifact.inputs.map(({ name, dtype, shape }) => {
      const length = sizeOf(shape);
      const moment = name.endsWith("second_moment");
      const data =
        dtype === "int32"
          ? Int32Array.from({ length }, () => random.below(whole[name] ?? 1))
          : dtype === "bool"
            ? new Uint8Array(length)
            : Float32Array.from(
                { length },
                () => (moment ? random.next() : (random.next() - 0.5) * 0.4) + (length === 1 ? 1 : 0),
              );
      return [name, { dtype, shape, data }];
    }),
  );
}

const numbers = (tensor: HostTensor | undefined) => Array.from<number | bigint, number>(tensor?.data ?? [], Number);

const artifacts: [string, Artifact][] = methods.flatMap((method): [string, Artifact][] => [
  [`${method.kind} training`, compileTraining(config, method, shape)],
  [`${method.kind} optimizer`, compileOptimizer(config, method, settings)],
  [`${method.kind} eval`, compileEvaluation(config, method, shape)],
  [`${method.kind} generation, prefill`, compileGeneration(config, method, { tokens: 8, capacity: 64 })],
  [`${method.kind} generation, decode`, compileGeneration(config, method, { tokens: 1, capacity: 64 })],
]);

const runtimes = new Map<string, Promise<Runtime>>();
const runtime = (provider: "webgpu" | "wasm") => {
  const present = runtimes.get(provider) ?? createRuntime(provider, { entries: browserEntries });
  runtimes.set(provider, present);
  return present;
};
afterAll(async () => {
  for (const opened of runtimes.values()) await (await opened).dispose();
});

describe("every artifact runs on WebGPU with CPU fallback disabled, and agrees with wasm", () => {
  it.each(artifacts)("%s", async (_name, artifact) => {
    const inputs = feeds(artifact);
    const outputs = await Promise.all(
      (["webgpu", "wasm"] as const).map(async (provider) => {
        const opened = await runtime(provider);
        const session = await opened.session(artifact);
        const result = await session.run(inputs);
        await opened.releaseSessions();
        return result;
      }),
    );
    const [gpu, cpu] = outputs as [Record<string, HostTensor>, Record<string, HostTensor>];
    for (const { name } of artifact.outputs) {
      const [expected, actual] = [numbers(cpu[name]), numbers(gpu[name])];
      const scale = Math.max(1e-3, ...expected.map(Math.abs));
      const worst = Math.max(...actual.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN)) / scale));
      expect(expected.length, name).toBeGreaterThan(0);
      expect(worst, name).toBeLessThan(2e-5);
    }
  });
});
