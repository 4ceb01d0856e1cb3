/** Oracle: central differences in float64 on the reference interpreter. */

import { describe, expect, it } from "vitest";
import { rules } from "../../src/autodiff/rules.ts";
import { ops } from "../../src/onnx/ops.ts";
import { gradcheck, gradcheckRows } from "./gradcheck.ts";
import { gradientTolerance } from "./tolerance.ts";

describe("gradient rules and composites", () => {
  it.each(gradcheckRows.map((row) => [`${row.ops.join(", ") || "composite"}: ${row.name}`, row] as const))(
    "%s",
    (_name, row) => {
      const { error, comparisons } = gradcheck(row);
      expect(comparisons).toBeGreaterThan(0);
      expect(error).toBeLessThanOrEqual(gradientTolerance);
    },
  );

  it("every operator in the table has a rule and a row", () => {
    const covered = new Set(gradcheckRows.flatMap((row) => row.ops));
    expect(Object.keys(ops).filter((op) => !covered.has(op as keyof typeof ops))).toEqual([]);
    expect(Object.keys(rules).sort()).toEqual(Object.keys(ops).sort());
  });
});
