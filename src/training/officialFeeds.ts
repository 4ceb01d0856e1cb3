/** Feeds of official artifacts: arrays of any element type, converted to the types of the lowered graph and checked. */

import * as v from "valibot";
import type { OfficialArtifact } from "../artifacts/official.ts";
import { loweredData, loweredDType } from "../onnx/foreignTensor.ts";
import type { HostTensor } from "../runtime/types.ts";
import { describeType, type Shape, sizeOf } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";

/** An array as a file or program gives it. */
export interface OfficialFeed {
  /** The element type as ONNX names it, such as float32, int64 or bool. */
  readonly dtype: string;
  readonly shape: Shape;
  /** Row-major numbers; booleans as 0 and 1. */
  readonly data: ArrayLike<number | bigint>;
}

export type OfficialFeeds = Readonly<Record<string, OfficialFeed>>;

const feedsSchema = v.pipe(
  v.custom<object>((json) => typeof json === "object" && json !== null && !Array.isArray(json), "it is no object"),
  v.record(
    v.string(),
    v.object({
      dtype: v.string(),
      shape: v.array(v.number()),
      data: v.array(v.union([v.number(), v.pipe(v.boolean(), v.transform(Number))])),
    }),
  ),
);

/** Feeds of a JSON file: `{ "input-0": { dtype, shape, data }, … }`. Throws an error that names the member that is wrong. */
export function readFeeds(json: unknown): OfficialFeeds {
  const result = v.safeParse(feedsSchema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = cut(v.getDotPath(issue) ?? "the file");
  throw new Error(`The feeds are { "name": { dtype, shape, data }, … }; ${where}: ${cut(issue.message, 120)}.`);
}

/** Converts a feed. Throws an error that names it when its numbers do not fill the shape or are outside int32. */
export function loweredFeed(name: string, { dtype, shape, data }: OfficialFeed): HostTensor {
  const lowered = loweredDType(dtype);
  if (!lowered) throw new Error(`Feed ${cut(name)} has the element type ${cut(dtype)}, which no lowered graph has.`);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw new Error(
      `Feed ${cut(name)} has the shape [${cut(shape.join(", "))}]; dimensions are whole and not negative.`,
    );
  if (data.length !== sizeOf(shape))
    throw new Error(`Feed ${cut(name)} has ${data.length} numbers, but [${shape.join(", ")}] needs ${sizeOf(shape)}.`);
  const values = Float64Array.from(data as ArrayLike<number>, Number);
  const wrong = values.findIndex((value) =>
    lowered === "int32" ? !(Number.isInteger(value) && Math.abs(value) < 2 ** 31) : Number.isNaN(value),
  );
  if (wrong >= 0)
    throw new Error(`Feed ${cut(name)} has ${values[wrong]} at place ${wrong}, which is no ${lowered} number.`);
  return { dtype: lowered, shape, data: loweredData(lowered, values) };
}

/**
 * The artifact's own inputs among the feeds. Throws an error that names a feed that is missing, of another type than the
 * artifact's, or a label outside its classes.
 */
export function artifactFeeds(
  artifact: OfficialArtifact,
  feeds: OfficialFeeds,
  bound: ReadonlySet<string>,
): Record<string, HostTensor> {
  const result: Record<string, HostTensor> = {};
  for (const { name, dtype, shape } of artifact.inputs) {
    if (bound.has(name)) continue;
    const feed = Object.hasOwn(feeds, name) ? feeds[name] : undefined;
    if (!feed) throw new Error(`The feeds have no ${cut(name)}, which the ${artifact.kind} model needs.`);
    const tensor = loweredFeed(name, feed);
    if (tensor.dtype !== dtype)
      throw new Error(`Feed ${cut(name)} is ${cut(feed.dtype)}, but the model needs ${describeType(dtype, shape)}.`);
    result[name] = tensor;
  }
  for (const { input, classes, ignored } of artifact.labels) {
    const labels = result[input]?.data ?? [];
    for (let i = 0; i < labels.length; i++) {
      const label = Number(labels[i]);
      if (label === ignored || (label >= 0 && label < classes)) continue;
      throw new Error(
        `Feed ${cut(input)} has label ${label} at place ${i}, but the model has ${classes} classes from 0.`,
      );
    }
  }
  return result;
}
