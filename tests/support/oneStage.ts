/** The order of a run in one stage. */

import { createSampler, type SamplerOptions } from "../../src/batching/sampler.ts";
import { type Order, type OrderState, orderOf } from "../../src/batching/stages.ts";

export const oneStage = (options: SamplerOptions, state?: OrderState): Order =>
  orderOf([{ steps: 1, first: 0, sampler: (from) => createSampler(options, from) }], state);
