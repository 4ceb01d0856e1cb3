/** float16 and bfloat16 in an engine that has Float16Array: the unit tests once more, by both ways. */

import { expect, test } from "vitest";
import "../unit/tensor/convert.test.ts";

test("this browser has Float16Array", () => {
  expect(typeof Float16Array).toBe("function");
});
