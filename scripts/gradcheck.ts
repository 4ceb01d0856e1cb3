/** `npm run gradcheck`: checks every gradient rule and composite against float64 differences; exit 1 above tolerance. */

import { gradcheck, gradcheckRows } from "../tests/numeric/gradcheck.ts";
import { gradientTolerance } from "../tests/numeric/tolerance.ts";

const results = gradcheckRows.map((row) => {
  const result = gradcheck(row);
  const verdict = result.error <= gradientTolerance ? "ok  " : "FAIL";
  console.log(`${verdict} ${result.error.toExponential(1)}  ${result.name}  (${result.comparisons} differences)`);
  return result;
});
const worst = results.reduce((a, b) => (b.error > a.error ? b : a));
const failed = results.filter((result) => !(result.error <= gradientTolerance)).length;
console.log(
  `\n${results.length} rows, ${failed} above ${gradientTolerance}; worst relative error ${worst.error.toExponential(2)} in ${worst.name} (${worst.variable})`,
);
process.exitCode = failed > 0 ? 1 : 0;
