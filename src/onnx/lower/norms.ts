/** Layer normalisations and their gradients. */

import type { Shape } from "../../tensor/dtype.ts";
import { sizeOf } from "../../tensor/dtype.ts";
import type { Value } from "../graph.ts";
import type { Call, Lowering } from "./call.ts";

/** The axes that are normalised, and the shape of their statistics: size 1 along them. */
function normalized(c: Call, x: Value) {
  const axis = c.axis(x.shape.length, -1);
  const axes = x.shape.map((_, i) => i).slice(axis);
  const leading = x.shape.map((_, i) => i).slice(0, axis);
  const statistics: Shape = x.shape.map((size, i) => (i < axis ? size : 1));
  return { axes, leading, statistics };
}

/** Sums over the leading axes, in the shape of the scale. */
function overLeading(c: Call, x: Value, leading: readonly number[], shape: Shape): Value {
  return c.b.reshape(
    leading.length > 0 && sizeOf(leading.map((i) => x.shape[i] as number)) > 1 ? c.b.reduceSum(x, leading) : x,
    shape,
  );
}

/** x̂·scale + bias with x̂ = (x − mean)/√(var + ε); outputs also the mean and 1/√(var + ε). */
const forward =
  (centred: boolean): Lowering =>
  (c) => {
    const b = c.b;
    const x = c.in(0);
    const { axes } = normalized(c, x);
    const epsilon = c.number("epsilon", 1e-5);
    const [scale, bias] = [c.optional(1), centred ? c.optional(2) : undefined];
    const statistics = c.wants(1) || c.wants(2);
    if (!statistics && scale && axes.length === 1 && (!centred || bias))
      return centred ? b.layerNormalization(x, scale, bias as Value, epsilon) : b.rmsNormalization(x, scale, epsilon);
    const mean = b.reduceMean(x, axes);
    const apart = centred ? b.sub(x, mean) : x;
    const variance = b.reduceMean(b.mul(apart, apart), axes);
    const inverse = b.reciprocal(b.sqrt(b.add(variance, b.scalar(epsilon))));
    const unit = b.mul(apart, inverse);
    const scaled = scale ? b.mul(unit, scale) : unit;
    const y = bias ? b.add(scaled, bias) : scaled;
    // The simplified form has one statistic, its second output.
    return centred ? [y, mean, inverse] : [y, inverse];
  };

/**
 * The gradients with respect to x, scale and bias, from x̂, g = dY·scale and 1/σ: dx = (g − mean(g) − x̂·mean(g·x̂))/σ; without
 * centring mean(g) is left out.
 */
function gradients(c: Call, dy: Value, unit: Value, scale: Value, inverse: Value, centred: boolean): Value[] {
  const b = c.b;
  const { axes, leading } = normalized(c, dy);
  const g = b.mul(dy, scale);
  const projection = b.mul(unit, b.reduceMean(b.mul(g, unit), axes));
  const rest = centred ? b.sub(g, b.reduceMean(g, axes)) : g;
  const dx = b.mul(b.sub(rest, projection), inverse);
  const dScale = overLeading(c, b.mul(dy, unit), leading, scale.shape);
  return centred ? [dx, dScale, overLeading(c, dy, leading, scale.shape)] : [dx, dScale];
}

export const norms = {
  LayerNormalization: forward(true),
  SimplifiedLayerNormalization: forward(false),
  RMSNormalization: forward(false),
  LayerNormalizationGrad: (c) => {
    const [dy, x, scale] = [c.in(0), c.in(1), c.in(2)];
    const { statistics } = normalized(c, x);
    const mean = c.b.reshape(c.in(3), statistics);
    const inverse = c.b.reshape(c.in(4), statistics);
    return gradients(c, dy, c.b.mul(c.b.sub(x, mean), inverse), scale, inverse, true);
  },
  SimplifiedLayerNormalizationGrad: (c) => {
    const [dy, x, scale] = [c.in(0), c.in(1), c.in(2)];
    const inverse = c.b.reshape(c.in(3), normalized(c, x).statistics);
    return gradients(c, dy, c.b.mul(x, inverse), scale, inverse, false);
  },
  /** From the output instead of the input: x̂ = (Y − bias)/scale. */
  InvertibleLayerNormalizationGrad: (c) => {
    const [dy, y, scale, bias] = [c.in(0), c.in(1), c.in(2), c.in(3)];
    const inverse = c.b.reshape(c.in(4), normalized(c, y).statistics);
    return gradients(c, dy, c.b.div(c.b.sub(y, bias), scale), scale, inverse, true);
  },
} as const satisfies Readonly<Record<string, Lowering>>;
