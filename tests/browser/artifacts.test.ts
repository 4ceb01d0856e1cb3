/** Oracles: the provider's own placement check, and wasm for the numbers. Small models: SwiftShader is slow. */

import { afterAll, expect, onTestFinished, test } from "vitest";
import { compileTraining } from "../../src/artifacts/compile.ts";
import type { Artifact } from "../../src/artifacts/contract.ts";
import { withPrecision } from "../../src/models/architecture.ts";
import { browserEntries, webgpuEntries } from "../../src/runtime/browserEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { HostTensor, Runtime } from "../../src/runtime/types.ts";
import { webgpuBuild, webgpuBuilds } from "../../src/runtime/webgpuBuild.ts";
import { distance, walkTolerance } from "../numeric/tolerance.ts";
import { familyLora, familyModel, familyNames } from "../support/families.ts";
import { isLong } from "../support/long.ts";
import {
  loraOf,
  precisionBatch,
  precisionFeeds,
  precisionModels,
  precisionShape,
  storedAs,
} from "../support/precisions.ts";
import {
  artifactFeeds,
  artifactsOf,
  layerArtifactsOf,
  numbers,
  smallArtifacts,
  worstRelative,
} from "../support/smallArtifacts.ts";

const runtimes = new Map<string, Promise<Runtime>>();
/** On WebGPU a runtime refuses an artifact of which any node would run on the CPU, unless told otherwise. */
const runtime = (provider: "webgpu" | "wasm") => {
  const present = runtimes.get(provider) ?? createRuntime(provider, { entries: browserEntries });
  runtimes.set(provider, present);
  return present;
};
afterAll(async () => {
  for (const opened of runtimes.values()) await (await opened).dispose();
});

function expectAgreement(artifact: Artifact, gpu: Record<string, HostTensor>, cpu: Record<string, HostTensor>): void {
  for (const { name } of artifact.outputs) {
    expect(worstRelative(numbers(gpu[name]), numbers(cpu[name])), name).toBeLessThan(2e-5);
  }
}

const artifacts = smallArtifacts(isLong ? 2 : 1);

/** The page takes one of the two by what the browser can; that one computes everything below. */
test.each(webgpuBuilds.filter((build) => build !== webgpuBuild))(
  "the %s build computes a training step on WebGPU as wasm does",
  async (build) => {
    const [named] = artifacts;
    if (!named) throw new Error("there are no artifacts");
    const [, artifact] = named;
    const inputs = artifactFeeds(artifact);
    const entries = { ...browserEntries, webgpu: webgpuEntries[build] };
    const own = await createRuntime("webgpu", { entries });
    onTestFinished(() => own.dispose());
    const gpu = await (await own.session(artifact)).run(inputs);
    const cpu = await (await (await runtime("wasm")).session(artifact)).run(inputs);
    expectAgreement(artifact, gpu, cpu);
  },
);

test.each(artifacts)("%s runs on WebGPU with CPU fallback disabled, and agrees with wasm", async (_name, artifact) => {
  const inputs = artifactFeeds(artifact);
  const run = async (provider: "webgpu" | "wasm"): Promise<Record<string, HostTensor>> => {
    const opened = await runtime(provider);
    const outputs = await (await opened.session(artifact)).run(inputs);
    await opened.releaseSessions();
    return outputs;
  };
  const [gpu, cpu] = [await run("webgpu"), await run("wasm")];
  expectAgreement(artifact, gpu, cpu);
});

test.each([
  ["Llama", "full", "products"],
  ["Gemma 3", "lora", "products"],
  ["GPT-2", "lora", "inputs"],
] as const)("%s, %s, layer by layer runs on WebGPU with CPU fallback disabled", async (name, kind, saves) => {
  const all = layerArtifactsOf(familyModel(name), kind === "full" ? { kind } : familyLora(name), saves);
  const [gpu, wasm] = [await runtime("webgpu"), await runtime("wasm")];
  for (const [, artifact] of all) {
    const inputs = artifactFeeds(artifact);
    const outputs = await (await gpu.session(artifact)).run(inputs);
    expectAgreement(artifact, outputs, await (await wasm.session(artifact)).run(inputs));
  }
  await Promise.all([gpu.releaseSessions(), wasm.releaseSessions()]);
});

test.each(familyNames)("every artifact of %s runs on WebGPU with CPU fallback disabled", async (name) => {
  const model = familyModel(name);
  const methods = [{ kind: "full" } as const, familyLora(name)];
  const all = methods.flatMap((method) => artifactsOf(model, method));
  // The optimizer's graph does not depend on the family, and the numbers of both methods come from the same forward pass.
  const compared = all.filter(([title]) => isLong || title === "full training" || title === "lora generation, decode");
  const gpu = await runtime("webgpu");
  for (const [title, artifact] of all) {
    const session = await gpu.session(artifact);
    if (!compared.some(([other]) => other === title)) continue;
    const inputs = artifactFeeds(artifact);
    const outputs = await session.run(inputs);
    const wasm = await runtime("wasm");
    const expected = await (await wasm.session(artifact)).run(inputs);
    expectAgreement(artifact, outputs, expected);
    await wasm.releaseSessions();
  }
  await gpu.releaseSessions();
});

/** float16 needs shader-f16, which SwiftShader lacks; `npm run gpu` computes it where an adapter has it. */
const storages = ["int8", "int4", "uint4"] as const;
test.each(
  Object.entries(precisionModels).flatMap(([name, model]) =>
    storages.map((storage) => [name, storage, model] as const),
  ),
)("%s in %s trains on WebGPU with CPU fallback disabled, and agrees with wasm", async (_name, storage, model) => {
  const method = loraOf(model);
  const precise = withPrecision(model, storedAs(storage));
  const inputs = { ...precisionBatch(), ...precisionFeeds(model, precise.precision, method).stored };
  const artifact = compileTraining(precise, method, precisionShape, { accumulates: false });
  const run = async (provider: "webgpu" | "wasm") => {
    const opened = await runtime(provider);
    const outputs = await (await opened.session(artifact)).run(inputs);
    await opened.releaseSessions();
    return outputs;
  };
  const [gpu, cpu] = [await run("webgpu"), await run("wasm")];
  const all = (outputs: Record<string, HostTensor>) => artifact.outputs.flatMap(({ name }) => numbers(outputs[name]));
  // Both err from float64 by at most this.
  expect(distance(all(gpu), all(cpu))).toBeLessThan(2 * walkTolerance("float32", model));
});
