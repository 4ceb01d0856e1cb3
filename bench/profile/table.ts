/** The report as text. */

import type { GpuCounts } from "./gpuMeter.ts";
import { passes } from "./kernels.ts";
import type { Report } from "./report.ts";
import { type SeamTimes, seams, totalOf } from "./seamTimes.ts";

/** Pads columns to their widest cell; the first `left` columns are left-aligned, the others right-aligned. */
function textTable(rows: readonly (readonly string[])[], left = 1): string {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(cell.length, most[i] ?? 0)), []);
  const pad = (cell: string, i: number) => (i < left ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0));
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

const ms = (value: number) => value.toFixed(2);
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const count = (value: number) => value.toLocaleString("en");
const rate = (value: number) => (value < 1 && value > 0 ? value.toPrecision(2) : value.toFixed(1));

const seamNames: { readonly [seam in keyof SeamTimes]: string } = {
  javascript: "JavaScript",
  mutex: "waiting for the mutex",
  inputs: "upload of inputs",
  runtime: "ONNX Runtime",
  gpu: "waiting for the GPU",
  outputs: "read-back",
};

function partsTable({ step, gpu }: Report): string {
  const { training, optimizer, around, milliseconds } = step;
  const row = (name: string, first: number, second: number, own: number) => {
    const all = first + second + own;
    return [name, ms(first), ms(second), ms(all), percent(all / milliseconds)];
  };
  const shown = seams.filter((seam) => seam !== "gpu" || gpu);
  return textTable([
    ["part, ms", "training", "optimizer", "step", "share"],
    ...shown.map((seam) => row(seamNames[seam], training[seam], optimizer[seam], seam === "javascript" ? around : 0)),
    row("total", totalOf(training), totalOf(optimizer), around),
  ]);
}

function countsTable({ artifacts, step: { counts } }: Report): string {
  const row = (name: string, first: number, second: number) => [
    name,
    count(first),
    count(second),
    count(first + second),
  ];
  const [training, optimizer] = [counts.training.gpu, counts.optimizer.gpu];
  const gpuRows: [string, keyof GpuCounts][] = [
    ["dispatches", "dispatches"],
    ["compute passes", "passes"],
    ["submits", "submits"],
    ["buffers created", "buffers"],
    ["  their bytes", "bufferBytes"],
    ["bytes uploaded", "uploadedBytes"],
    ["bytes read back", "downloadedBytes"],
    ["bytes copied between buffers", "copiedBytes"],
  ];
  return textTable([
    ["counted", "training", "optimizer", "step"],
    row("nodes run", artifacts.training.nodes, artifacts.optimizer.nodes),
    row("bytes of their inputs and outputs", artifacts.training.bytes, artifacts.optimizer.bytes),
    row("bytes fed by JavaScript", counts.training.fedBytes, counts.optimizer.fedBytes),
    row("bytes given to JavaScript", counts.training.readBytes, counts.optimizer.readBytes),
    ...(training && optimizer ? gpuRows.map(([name, key]) => row(name, training[key], optimizer[key])) : []),
  ]);
}

function regionsTable({ regions }: Report): string {
  const total = passes.map((pass) => regions.reduce((sum, region) => sum + region.passes[pass], 0));
  const all = total.reduce((sum, value) => sum + value, 0);
  const cells = (values: readonly number[]) => values.map((value) => (value === 0 ? "" : ms(value)));
  return textTable([
    ["part of the model, ms", ...passes, "step", "share"],
    ...regions.map(({ part, passes: times, milliseconds, share }) => [
      part,
      ...cells(passes.map((pass) => times[pass])),
      ms(milliseconds),
      percent(share),
    ]),
    ["all kernels", ...cells(total), ms(all), percent(1)],
  ]);
}

const gflops = (value: number | null) => (value === null ? "" : rate(value));

function opsTable({ ops }: Report): string {
  return textTable([
    ["op", "kernels", "ms", "share", "GB/s", "GFLOP/s"],
    ...ops.map((op) => [
      op.op,
      count(op.kernels),
      ms(op.milliseconds),
      percent(op.share),
      rate(op.gigabytesPerSecond),
      gflops(op.gflops),
    ]),
  ]);
}

function shapesTable({ shapes, matrixPeak }: Report, most: number): string {
  return textTable(
    [
      ["op", "pass", "shapes", "kernels", "ms", "share", "GB/s", "GFLOP/s", "of peak"],
      ...shapes
        .slice(0, most)
        .map((row) => [
          row.op,
          row.pass,
          row.shapes,
          count(row.kernels),
          ms(row.milliseconds),
          percent(row.share),
          rate(row.gigabytesPerSecond),
          gflops(row.gflops),
          row.gflops === null ? "" : percent(row.gflops / matrixPeak.gflops),
        ]),
    ],
    3,
  );
}

/** The time of the runs outside the kernels: ONNX Runtime's own work, and the recording of each kernel. */
function betweenSentence({ artifacts: { training, optimizer }, clock, gpu }: Report): string {
  const of = ({ betweenMilliseconds, milliseconds }: typeof training) =>
    `${ms(betweenMilliseconds)} of ${ms(milliseconds)} ms`;
  const whose =
    clock === "gpu"
      ? "by the GPU's timestamps, each in its own compute pass"
      : gpu
        ? "by the processor, which only records commands: this adapter has no timestamp-query, so kernel times are unknown"
        : "by ONNX Runtime's clock";
  return (
    `Kernels are timed ${whose}; between them passes ${of(training)} of the training run and ${of(optimizer)} of the ` +
    "optimizer's."
  );
}

export function reportText(report: Report): string {
  const { size, method, provider, steps, warmup, step, tokens, profiledMilliseconds, operations, matrixPeak, reason } =
    report;
  const speed = operations / step.milliseconds / 1e6;
  return [
    `${size}, ${method}, ${provider}: ${steps === 1 ? "one step" : `the median of ${steps} steps`} after ${warmup}, ${tokens} tokens each`,
    reason,
    `${ms(step.milliseconds)} ms a step, ${rate((1000 * tokens) / step.milliseconds)} tokens/s; ` +
      `${ms(profiledMilliseconds)} ms while every kernel is recorded.`,
    `${rate(speed)} GFLOP/s of matrix products in the step; a product of ${matrixPeak.n}³ runs at ${rate(matrixPeak.gflops)} (the peak below).`,
    betweenSentence(report),
    "",
    partsTable(report),
    "",
    countsTable(report),
    "",
    regionsTable(report),
    "",
    opsTable(report),
    "",
    shapesTable(report, 20),
  ].join("\n");
}
