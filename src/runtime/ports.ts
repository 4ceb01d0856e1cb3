/** Checks a run's inputs and outputs against the artifact's ports. */

import type { Artifact, Port } from "../artifacts/contract.ts";
import { describeType, sameShape, sizeOf } from "../tensor/dtype.ts";
import { RuntimeError } from "./errors.ts";
import { checkData } from "./provider.ts";
import type { DeviceTensor, HostTensor } from "./types.ts";

type Given = Readonly<Record<string, DeviceTensor | HostTensor>>;

const nameOf = (artifact: Artifact) => `${artifact.kind} artifact ${artifact.key}`;

function checkType(where: string, port: Port, given: DeviceTensor | HostTensor): void {
  if (given.dtype === port.dtype && sameShape(given.shape, port.shape)) return;
  throw new RuntimeError(
    `${where} is ${describeType(port.dtype, port.shape)} but was given ${describeType(given.dtype, given.shape)}` +
      `${"label" in given ? ` (${given.label})` : ""}.`,
  );
}

function checkKnown(artifact: Artifact, side: "input" | "output", ports: readonly Port[], given: object): void {
  const known = new Set(ports.map((port) => port.name));
  const unknown = Object.keys(given).find((name) => !known.has(name));
  if (unknown === undefined) return;
  throw new RuntimeError(
    `The ${nameOf(artifact)} has no ${side} ${unknown}; its ${side}s are ${[...known].join(", ")}.`,
  );
}

/** Throws unless the inputs are exactly the declared ones, with their type and length. */
export function checkInputs(artifact: Artifact, inputs: Given): void {
  checkKnown(artifact, "input", artifact.inputs, inputs);
  for (const port of artifact.inputs) {
    const where = `Input ${port.name} of the ${nameOf(artifact)}`;
    const given = inputs[port.name];
    if (!given) throw new RuntimeError(`${where}, ${describeType(port.dtype, port.shape)}, is missing.`);
    checkType(where, port, given);
    if ("data" in given) checkData(where, given.dtype, given.shape, sizeOf(given.shape), given.data);
  }
}

/**
 * Throws unless each bound output has the declared type. A tensor that the run reads may be bound only where the artifact's
 * `aliases` allow it.
 */
export function checkOutputs(artifact: Artifact, inputs: Given, outputs: Readonly<Record<string, DeviceTensor>>): void {
  checkKnown(artifact, "output", artifact.outputs, outputs);
  const writers = new Map<DeviceTensor, string>();
  for (const port of artifact.outputs) {
    const tensor = outputs[port.name];
    if (tensor) {
      const where = `Output ${port.name} of the ${nameOf(artifact)}`;
      checkType(where, port, tensor);
      const other = writers.get(tensor);
      if (other !== undefined) {
        throw new RuntimeError(`${where} is bound to ${tensor.label}, like output ${other}; bind another tensor.`);
      }
      writers.set(tensor, port.name);
    }
  }
  for (const [name, given] of Object.entries(inputs)) {
    const writer = "label" in given ? writers.get(given) : undefined;
    if (writer !== undefined && artifact.aliases[writer] !== name) {
      const allowed = artifact.aliases[writer];
      throw new RuntimeError(
        `Output ${writer} of the ${nameOf(artifact)} is bound to the tensor of input ${name}, but it may ` +
          `${allowed ? `only share that of input ${allowed}` : "share that of no input"}; bind another tensor.`,
      );
    }
  }
}

/** Throws when the ports of the loaded model differ from those of the artifact. */
export function checkModel(artifact: Artifact, side: "input" | "output", model: readonly Port[]): void {
  const declared = side === "input" ? artifact.inputs : artifact.outputs;
  const found = new Map(model.map((port) => [port.name, port]));
  for (const port of declared) {
    const actual = found.get(port.name);
    found.delete(port.name);
    if (actual && actual.dtype === port.dtype && sameShape(actual.shape, port.shape)) continue;
    throw new RuntimeError(
      `The ${nameOf(artifact)} declares ${side} ${port.name} as ${describeType(port.dtype, port.shape)}, but its model ` +
        `has ${actual ? describeType(actual.dtype, actual.shape) : "none of that name"}; compile it again.`,
    );
  }
  for (const name of found.keys()) {
    throw new RuntimeError(`The model of the ${nameOf(artifact)} has a ${side} ${name} that it does not declare.`);
  }
}
