/** What the walk must not write: gradients of what is frozen, and nodes that nothing asks for. */

import { describe, expect, it } from "vitest";
import { backward } from "../../../src/autodiff/backward.ts";
import { GraphBuilder } from "../../../src/onnx/builder.ts";

describe("the walk", () => {
  it("writes nothing for a frozen operand", () => {
    const b = new GraphBuilder("frozen");
    const x = b.input("x", "float32", [4, 3]);
    const w = b.input("w", "float32", [5, 3]);
    const loss = b.reduceSum(b.gemm(x, w, { transB: true }), [0, 1]);
    const [gradient] = backward(b, loss, [w]);
    const gemms = b.finish({ gradient: gradient ?? loss }).nodes.filter((node) => node.op === "Gemm");
    expect(gemms).toHaveLength(1); // dW alone: neither dx nor the forward product is needed
  });

  it("refuses a parameter that the loss does not depend on", () => {
    const b = new GraphBuilder("apart");
    const x = b.input("x", "float32", [2]);
    const other = b.input("other", "float32", [2]);
    expect(() => backward(b, b.reduceSum(x, [0]), [other])).toThrow(/no output depends on other/);
  });

  it("refuses a loss of more than one number", () => {
    const b = new GraphBuilder("wide");
    const x = b.input("x", "float32", [2]);
    expect(() => backward(b, b.neg(x), [x])).toThrow(/one number, not \[2\]/);
  });

  it("sums a value's uses", () => {
    const b = new GraphBuilder("fan-out");
    const x = b.input("x", "float32", [2]);
    const loss = b.reduceSum(b.add(b.neg(x), b.mul(x, b.scalar(3))), [0]);
    const [gradient] = backward(b, loss, [x]);
    expect(b.finish({ gradient: gradient ?? loss }).nodes.at(-1)?.op).toBe("Add");
  });
});
