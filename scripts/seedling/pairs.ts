/**
 * The demo's instruction pairs and its exam, drawn from one seed. Training leaves out some entities of every task, and some
 * whole tasks, although the corpus contains the facts of both.
 */

import { createRandom } from "../../src/tensor/random.ts";
import { type Fact, fill, type Relation, relationOf, relations, sentence } from "./relations.ts";
import { createDraw, type Draw } from "./stories.ts";

export interface Pair {
  readonly instruction: string;
  readonly output: string;
  /** Name of the relation in the question. */
  readonly task: string;
}

/** Two right answers to a question, of which the short one is preferred. */
export interface PreferencePair {
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
  readonly task: string;
}

export const groups = ["trained entities", "held-out entities", "held-out tasks"] as const;

export interface ExamQuestion extends Pair {
  readonly group: (typeof groups)[number];
}

export const trainedTasks = [
  "capital",
  "continent",
  "language",
  "young",
  "sound",
  "food",
  "opposite",
  "plural",
  "use",
  "workplace",
] as const;

export const heldOutTasks = ["home", "job", "colour", "foodKind", "nextDay", "sum"] as const;

/** Share of the entities of each kind that training leaves out. */
const heldOutShare = 0.3;

export interface PairsPlan {
  /** Tasks to train; all by default. */
  readonly tasks?: readonly string[];
  /** Total number of pairs, divided equally among the tasks. */
  readonly count: number;
}

export interface World {
  /** Pairs for training. If there are more pairs than facts, facts repeat in another wording. */
  pairs(plan: PairsPlan): Pair[];
  /** Pairs that prefer short answers, as many of each trained task; about entities that training may use. */
  preferences(count: number): PreferencePair[];
  /** Exam questions, at most `perTask` for each task in each group. */
  exam(perTask: number): ExamQuestion[];
  /** Whether training may have questions about the entity. */
  isTrained(relation: Relation, fact: Fact): boolean;
}

function pairOf(draw: Draw, relation: Relation, fact: Fact): Pair {
  return {
    instruction: fill(draw.pick(relation.questions), fact),
    output: sentence(fill(relation.answer, fact)),
    task: relation.name,
  };
}

function shuffled<T>({ random }: Draw, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** Splits the entities of every kind by the seed; training pairs never contain held-out entities or tasks of the exam. */
export function openWorld(seed: number): World {
  const split = createDraw(createRandom(seed));
  const heldOut = new Set<string>();
  for (const kind of new Set(relations.map((relation) => relation.kind))) {
    const facts = relations.filter((relation) => relation.kind === kind).flatMap((relation) => relation.facts);
    const entities = [...new Set(facts.map((fact) => fact.entity))].sort();
    const count = Math.round(entities.length * heldOutShare);
    for (const entity of shuffled(split, entities).slice(0, count)) heldOut.add(`${kind} ${entity}`);
  }
  const isTrained = (relation: Relation, fact: Fact) => !heldOut.has(`${relation.kind} ${fact.entity}`);
  const factsOf = (name: string, trained: boolean) => {
    const relation = relationOf(name);
    return { relation, facts: relation.facts.filter((fact) => isTrained(relation, fact) === trained) };
  };

  /** The order in which training uses facts, so that the exam covers the facts of a small training set. */
  const order = (name: string) => shuffled(createDraw(createRandom(seed + 1)), factsOf(name, true).facts);

  return {
    isTrained,

    pairs({ tasks = trainedTasks, count }) {
      const draw = createDraw(createRandom(seed + 2));
      const made = tasks.flatMap((name, i) => {
        const relation = relationOf(name);
        const facts = order(name);
        const share = Math.floor(count / tasks.length) + (i < count % tasks.length ? 1 : 0);
        return Array.from({ length: share }, (_, k) => pairOf(draw, relation, facts[k % facts.length] as Fact));
      });
      return shuffled(draw, made);
    },

    preferences(count) {
      const draw = createDraw(createRandom(seed + 4));
      const known = relations.filter(({ name }) => !(heldOutTasks as readonly string[]).includes(name));
      const made = trainedTasks.flatMap((name) => {
        const { relation, facts } = factsOf(name, true);
        const chosen = shuffled(draw, facts).slice(0, Math.floor(count / trainedTasks.length));
        return chosen.map((fact): PreferencePair => {
          const { instruction, output } = pairOf(draw, relation, fact);
          // What else the world knows about the entity; where it knows nothing, the same fact in other words.
          const others = known.flatMap((other) =>
            other.kind === relation.kind && other !== relation
              ? other.facts.flatMap((more) =>
                  more.entity === fact.entity ? [fill(draw.pick(other.followUps), more)] : [],
                )
              : [],
          );
          const again = fill(draw.pick(relation.followUps), fact);
          const first = draw.pick([output, sentence(fill(draw.pick(relation.statements), fact))]);
          const rest = [again, ...shuffled(draw, others).slice(0, 2)];
          const rejected = [first, ...rest.map(sentence)].join(" ");
          return { prompt: instruction, chosen: output, rejected, task: name };
        });
      });
      return shuffled(draw, made);
    },

    exam(perTask) {
      const draw = createDraw(createRandom(seed + 3));
      const questions = (name: string, facts: readonly Fact[], group: ExamQuestion["group"]) =>
        facts.slice(0, perTask).map((fact): ExamQuestion => ({ ...pairOf(draw, relationOf(name), fact), group }));
      return [
        ...trainedTasks.flatMap((name) => questions(name, order(name), "trained entities")),
        ...trainedTasks.flatMap((name) =>
          questions(name, shuffled(draw, factsOf(name, false).facts), "held-out entities"),
        ),
        ...heldOutTasks.flatMap((name) => questions(name, shuffled(draw, relationOf(name).facts), "held-out tasks")),
      ];
    },
  };
}

/** The beginning of a statement that the model must complete with the right value. */
export interface Completion {
  readonly task: string;
  readonly beginning: string;
  readonly expected: string;
}

/**
 * The beginnings of all statements that end with a fact's value: they test a base model without questions. Statements that do
 * not determine the value are left out, such as "X comes after" for days and numbers alike.
 */
export function completions(): Completion[] {
  return relations.flatMap((relation) => {
    const ways = relation.statements.filter((way) => /^(?=.*\{(?:e|ae|x)\}).*\{a?v\}$/.test(way));
    return relation.facts.flatMap((fact) =>
      ways.map((way) => {
        const [, before = "", slot = ""] = /^(.*?)(\{a?v\})$/.exec(way) ?? [];
        const begun = sentence(fill(before, fact)).slice(0, -1).trimEnd();
        return { task: relation.name, beginning: begun, expected: fill(slot, fact) };
      }),
    );
  });
}
