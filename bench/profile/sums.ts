/** Sums over kernels: by op, by op and shape, and by part of the model. */

import { type Kernel, type Part, type Pass, parts, passes } from "./kernels.ts";

export interface Sum {
  readonly kernels: number;
  readonly milliseconds: number;
  /** Share of the time of all kernels, 0 to 1. */
  readonly share: number;
  /** Bytes of inputs and outputs over time; a program that reads an input twice moves more. */
  readonly gigabytesPerSecond: number;
  /** GFLOP/s of matrix products; null for other ops. */
  readonly gflops: number | null;
}

export interface OpSum extends Sum {
  readonly op: string;
}

export interface ShapeSum extends OpSum {
  readonly pass: Pass;
  /** "512×64 · 64×64 → 512×64". */
  readonly shapes: string;
}

export interface RegionSum {
  readonly part: Part;
  /** Milliseconds. */
  readonly passes: { readonly [pass in Pass]: number };
  readonly milliseconds: number;
  readonly share: number;
}

/** A quotient; 0 when nothing was measured. */
const per = (amount: number, milliseconds: number) => (milliseconds > 0 ? amount / milliseconds / 1e6 : 0);

const timeOf = (kernels: readonly Kernel[]) => kernels.reduce((sum, { milliseconds }) => sum + milliseconds, 0);

function sumOf(kernels: readonly Kernel[], total: number): Sum {
  const milliseconds = timeOf(kernels);
  const operations = kernels.reduce((sum, kernel) => sum + kernel.operations, 0);
  const bytes = kernels.reduce((sum, kernel) => sum + kernel.bytes, 0);
  return {
    kernels: kernels.length,
    milliseconds,
    share: total > 0 ? milliseconds / total : 0,
    gigabytesPerSecond: per(bytes, milliseconds),
    gflops: operations > 0 ? per(operations, milliseconds) : null,
  };
}

function grouped(kernels: readonly Kernel[], keyOf: (kernel: Kernel) => string): [Kernel, ...Kernel[]][] {
  const groups = new Map<string, [Kernel, ...Kernel[]]>();
  for (const kernel of kernels) {
    const key = keyOf(kernel);
    const group = groups.get(key);
    if (group) group.push(kernel);
    else groups.set(key, [kernel]);
  }
  return [...groups.values()];
}

const byTime = (a: Sum, b: Sum) => b.milliseconds - a.milliseconds;

/** The most expensive first. */
export function byOp(kernels: readonly Kernel[]): OpSum[] {
  const total = timeOf(kernels);
  return grouped(kernels, ({ op }) => op)
    .map((group) => ({ op: group[0].op, ...sumOf(group, total) }))
    .sort(byTime);
}

const shapeText = (shape: readonly number[]) => (shape.length === 0 ? "1" : shape.join("×"));

export function shapesText({ inputs, outputs }: Pick<Kernel, "inputs" | "outputs">): string {
  return `${inputs.map(shapeText).join(" · ")} → ${outputs.map(shapeText).join(" · ")}`;
}

/** The most expensive first. */
export function byShape(kernels: readonly Kernel[]): ShapeSum[] {
  const total = timeOf(kernels);
  return grouped(kernels, (kernel) => `${kernel.pass} ${kernel.op} ${shapesText(kernel)}`)
    .map((group) => ({ op: group[0].op, pass: group[0].pass, shapes: shapesText(group[0]), ...sumOf(group, total) }))
    .sort(byTime);
}

/** In the order of the model, without parts that have no kernel. */
export function byRegion(kernels: readonly Kernel[]): RegionSum[] {
  const total = timeOf(kernels);
  return parts.flatMap((part) => {
    const own = kernels.filter((kernel) => kernel.part === part);
    if (own.length === 0) return [];
    const times = passes.map((pass) => [pass, timeOf(own.filter((kernel) => kernel.pass === pass))] as const);
    const milliseconds = timeOf(own);
    return [
      {
        part,
        passes: Object.fromEntries(times) as { [pass in Pass]: number },
        milliseconds,
        share: total > 0 ? milliseconds / total : 0,
      },
    ];
  });
}
