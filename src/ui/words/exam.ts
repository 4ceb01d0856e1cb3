/** Texts of the exam's curve, its graders and its paired tests. */

import type { GraderKind } from "../../run/grading/grader.ts";
import { plural } from "../format.ts";

export const graderWords = {
  label: "Grader",
  about: "Judges each answer. A question of the file can name its own grader.",
  kinds: {
    exact: "Exact match",
    normalised: "Equal without case, punctuation and articles",
    contains: "Contains the expected answer",
    number: "Same last number",
    pattern: "Regular expression",
    json: "Equal JSON",
    choice: "Multiple choice by log-probability",
  } satisfies Record<GraderKind, string>,
  tolerance: "Allowed distance",
  pattern: "Pattern",
  patternHelp:
    "Its first match, or first group, is compared with the expected answer. Empty: the expected answer is the pattern. No lookaround or back-references.",
  per: "Compare",
  perKinds: { total: "Whole log-probability", character: "Log-probability per character" },
} as const;

export const curveWords = {
  title: "Exam curve",
  about:
    "Every stored checkpoint of the chosen runs takes the exam above. Bars are 95 % intervals (Wilson): in 95 of 100 exams the bar contains the true share.",
  runs: "Runs",
  none: "No run has a stored checkpoint yet.",
  noExam: "Choose an exam above.",
  few: (checkpoints: number) =>
    `${plural(checkpoints, "stored checkpoint")}. For more points, raise “Stored checkpoints” in a new run's recipe.`,
  seeds: "Seeds",
  seedsHelp: "1: greedy. More: each checkpoint answers once for each seed, and the spread is shown.",
  temperature: "Temperature",
  take: (exams: number) => `Take ${plural(exams, "exam")}`,
  resume: (missing: number, total: number) => `Continue: ${missing} of ${total} exams left`,
  complete: (exams: number) => `All ${plural(exams, "exam")} taken and stored.`,
  stop: "Stop",
  going: (done: number, total: number, who: string, step: number) =>
    `Exam ${done + 1} of ${total}: ${who}${step === 0 ? "" : `, step ${step.toLocaleString("en")}`}`,
  failed: "The curve could not be made",
  chart: "Right answers by step, with 95 % intervals",
  legend: "Runs in the chart",
  table: "Figures of the curve",
  columns: { who: "Model", step: "Step", right: "Right", interval: "95 % interval" },
  tests: "Paired tests of the last checkpoints",
  testsAbout:
    "McNemar's exact test on the same questions, two-sided; several seeds: exact sign-flip test. “Corrected” is p after Holm's correction for all tests here. Below 0.05 counts as a difference. A test compares two checkpoints, not two recipes: another training seed gives another checkpoint.",
  html: "Download report (HTML)",
  markdown: "Download report (Markdown)",
} as const;

export const contestWords = {
  title: "Blind vote among runs",
  about:
    "Votes between any two models of the exam curve, without names. The pair with the fewest votes comes next. Ratings are by Bradley and Terry.",
  ballot: "Ballot among runs",
  start: (models: number) => `Vote among ${models} models`,
  end: "Show the ratings",
  complete: "Every pair of different answers has a vote.",
  ratings: "Ratings",
  columns: { name: "Model", rating: "Rating", interval: "95 % interval", record: "Won, tied, lost" },
  name: (name: string, step: number) => (step === 0 ? name : `${name}, step ${step.toLocaleString("en")}`),
  noRating: "no vote",
  interval: (low: number, high: number) => `${Math.round(low)} to ${Math.round(high)}`,
  record: (won: number, ties: number, lost: number) => `${won}, ${ties}, ${lost}`,
  ratingAbout:
    "1000 is the average of these models; 400 points are odds of 10 to 1. A tie is half a win for both. Each model has one extra tie against an average model, so ratings stay finite.",
} as const;
