/** Parses the events that ONNX Runtime prints for a profiling session, one per line. */

import type { Shape } from "../../src/tensor/dtype.ts";

/** Times in microseconds since the session began. */
export interface NodeEvent {
  readonly name: string;
  readonly op: string;
  readonly began: number;
  readonly took: number;
  readonly inputs: readonly Shape[];
  readonly outputs: readonly Shape[];
  /** Bytes of all inputs and outputs. */
  readonly bytes: number;
}

/** One dispatch by the GPU's clock, in microseconds since the first recorded one. */
export interface DispatchEvent {
  readonly node: string;
  /** ONNX Runtime's program, mostly named after its op; an op may need several programs. */
  readonly program: string;
  readonly began: number;
  readonly took: number;
}

/** One run of the session. */
export interface RunEvents {
  readonly began: number;
  readonly took: number;
  readonly nodes: readonly NodeEvent[];
  /** Empty on the processor, and where the GPU has no timestamps. */
  readonly dispatches: readonly DispatchEvent[];
}

interface Printed {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args: Readonly<Record<string, unknown>>;
}

/** Shapes from the printed form: for each tensor an object from element type to dimensions. */
function shapesOf(tensors: unknown): Shape[] {
  if (!Array.isArray(tensors)) return [];
  // A missing optional input has no type.
  return tensors.flatMap((tensor: Record<string, number[]>) => Object.values(tensor).slice(0, 1));
}

function parse(line: string): Printed {
  try {
    return JSON.parse(line.replace(/,$/, ""));
  } catch {
    throw new Error(`ONNX Runtime printed an event that is not JSON: ${line.slice(0, 200)}`);
  }
}

/** The runs of a session, in order. Throws when there is none, for example because the session did not profile. */
export function readRuns(lines: readonly string[]): RunEvents[] {
  const events = lines.map(parse);
  const runs = events.filter(({ name, cat }) => cat === "Session" && name === "model_run").sort((a, b) => a.ts - b.ts);
  if (runs.length === 0) throw new Error("ONNX Runtime printed no run: was profiling on for the session?");
  const nodes = events
    .filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"))
    .map(({ name, ts, dur, args }) => ({
      name: name.slice(0, -"_kernel_time".length),
      op: String(args.op_name),
      began: ts,
      took: dur,
      inputs: shapesOf(args.input_type_shape),
      outputs: shapesOf(args.output_type_shape),
      bytes: ["activation_size", "parameter_size", "output_size"].reduce(
        (sum, size) => sum + Number(args[size] ?? 0),
        0,
      ),
    }));
  const dispatches = events
    .filter(({ cat }) => cat === "Api")
    .map(({ name, ts, dur }) => {
      const [node = name, op = "", program = op] = name.split("&");
      return { node, program, began: ts, took: dur };
    });
  // Dispatches have another clock and do not name their run: all runs have equally many, the first may have more.
  const each = Math.floor(dispatches.length / runs.length);
  return runs.map(({ ts, dur }, index) => {
    const end = dispatches.length - (runs.length - 1 - index) * each;
    return {
      began: ts,
      took: dur,
      nodes: nodes.filter(({ began }) => began >= ts && began <= ts + dur),
      dispatches: dispatches.slice(index === 0 ? 0 : end - each, end),
    };
  });
}
