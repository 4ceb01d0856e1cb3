/** Facts of the adapter. */

import { findAdapter } from "../../../src/runtime/webgpuProvider.ts";
import type { RunPart } from "../part.ts";
import { measured, words } from "../row.ts";

export const run: RunPart = async ({ report, adapter: facts }) => {
  const adapter = await findAdapter();
  if (typeof adapter === "string") throw new Error(`${adapter}.`);
  const { vendor, architecture, device, subgroupMinSize, subgroupMaxSize } = adapter.info;
  report(words("adapter", `${facts.name}${facts.emulated ? ", emulated on the processor" : ""}`));
  report(words("vendor, architecture, device", [vendor, architecture, device].join(", ")));
  const features = (["shader-f16", "subgroups", "timestamp-query"] as const).map(
    (name) => `${adapter.features.has(name) ? "" : "no "}${name}`,
  );
  report(words("features", features.join(", ")));
  report(words("numbers in a subgroup", `${subgroupMinSize} to ${subgroupMaxSize}`));
  for (const limit of [
    "maxBufferSize",
    "maxStorageBufferBindingSize",
    "maxStorageBuffersPerShaderStage",
    "maxComputeWorkgroupStorageSize",
  ] as const) {
    report(measured(limit, adapter.limits[limit], ""));
  }
};
