/** The lessons, in their order. */

import { adapters } from "./adapters.ts";
import { behaviour } from "./behaviour.ts";
import type { Lesson } from "./lesson.ts";
import { mask } from "./mask.ts";
import { mixture } from "./mixture.ts";
import { preferences } from "./preferences.ts";
import { quality } from "./quality.ts";
import { rate } from "./rate.ts";
import { template } from "./template.ts";

export const lessons: readonly Lesson[] = [behaviour, mask, template, quality, rate, adapters, mixture, preferences];
