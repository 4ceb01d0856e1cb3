/**
 * The relations of the small world: facts, many wordings of statements, questions and answers. Statements form the corpus;
 * questions and answers form the demo data and never enter the corpus.
 *
 * If a corpus states a fact in one fixed sentence only, a model can complete that sentence but not answer questions later
 * (Allen-Zhu and Li, "Physics of Language Models: Part 3.1", arXiv:2309.14316). So there are many wordings, with the value at
 * the beginning, in the middle and at the end.
 *
 * In a phrase {e} is the entity, {v} the value, {ae} and {av} the same with "a" or "an"; other slots are a relation's own.
 */

import {
  animals,
  colours,
  countries,
  days,
  foods,
  months,
  numbers,
  opposites,
  plurals,
  professions,
  shapes,
  tools,
} from "./facts.ts";

export interface Fact {
  /** Subject of the fact; all facts of one entity are held out together. */
  readonly entity: string;
  readonly slots: Readonly<Record<string, string>>;
}

export interface Relation {
  readonly name: string;
  /** Kind of the entities, such as animals; follow-ups appear in paragraphs about that kind. */
  readonly kind: string;
  readonly facts: readonly Fact[];
  /** Whole sentences, without capital letter and full stop. */
  readonly statements: readonly string[];
  /** The same, for use after a sentence that names the entity. */
  readonly followUps: readonly string[];
  readonly questions: readonly string[];
  readonly answer: string;
}

/** "a cow", "an owl": decided by the first letter, which is right for every noun here. */
export const withArticle = (noun: string) => `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;

/** Fills the slots of a phrase; throws when the fact lacks a slot. */
export function fill(phrase: string, { slots }: Fact): string {
  return phrase.replace(/\{(\w+)\}/g, (_, name: string) => {
    const text = slots[name];
    if (text === undefined)
      throw new Error(`"${phrase}" needs {${name}}, but the fact has ${Object.keys(slots).join(", ")}.`);
    return text;
  });
}

/** A phrase as a sentence, with capital letter and full stop. */
export const sentence = (phrase: string) => `${phrase.charAt(0).toUpperCase()}${phrase.slice(1)}.`;

/** A fact about a noun without article ("cow"). */
const about = (noun: string, value: string, more: Readonly<Record<string, string>> = {}): Fact => ({
  entity: noun,
  slots: { e: noun, ae: withArticle(noun), v: value, av: withArticle(value), ...more },
});

/** A fact about a proper name, or about a thing that includes its article. */
const aboutNamed = (name: string, value: string, more: Readonly<Record<string, string>> = {}): Fact => ({
  entity: name.replace(/^(?:an?|the) /, ""),
  slots: { e: name, ae: name, v: value, av: withArticle(value), ...more },
});

/** "buzzes" → "buzz", "moos" → "moo". */
const infinitive = (verb: string) => verb.replace(/(?<=ss|zz)es$|s$/, "");

const withYoung = animals.flatMap(({ name, young }) => (young ? [about(name, young)] : []));
const withSound = animals.flatMap(({ name, sound }) => (sound ? [about(name, sound, { b: infinitive(sound) })] : []));
const bothWays = opposites.flatMap(([one, other]) => [
  { ...about(one, other), entity: `${one}/${other}` },
  { ...about(other, one), entity: `${one}/${other}` },
]);
const following = (list: readonly string[]) =>
  list.map((name, i) => aboutNamed(name, list[(i + 1) % list.length] ?? "", { p: list.at(i - 1) ?? "" }));
const sums = Array.from({ length: 100 }, (_, i): Fact => {
  const [x, y] = [Math.floor(i / 10) + 1, (i % 10) + 1];
  const [a, b, c] = [numbers[x] ?? "", numbers[y] ?? "", numbers[x + y] ?? ""];
  return { entity: `${a} plus ${b}`, slots: { e: `${a} plus ${b}`, x: a, y: b, v: c } };
});

export const relations: readonly Relation[] = [
  {
    name: "capital",
    kind: "country",
    facts: countries.map(([name, capital]) => aboutNamed(name, capital)),
    statements: [
      "the capital of {e} is {v}",
      "{v} is the capital of {e}",
      "{e} has its capital in {v}",
      "the capital city of {e} is called {v}",
      "{e} is ruled from its capital, {v}",
      "the city of {v} is the capital of {e}",
      "{e}, whose capital is {v}, is a country",
      "in {e} the capital is {v}",
      "the people of {e} are proud of {v}, their capital",
      "the largest streets of {e} lead to its capital, {v}",
    ],
    followUps: [
      "its capital is {v}",
      "the capital is {v}",
      "its capital city is called {v}",
      "it is ruled from {v}",
      "{v} is its capital",
    ],
    questions: ["What is the capital of {e}?", "Which city is the capital of {e}?", "Name the capital of {e}."],
    answer: "the capital of {e} is {v}",
  },
  {
    name: "continent",
    kind: "country",
    facts: countries.map(([name, , continent]) => aboutNamed(name, continent)),
    statements: [
      "{e} is in {v}",
      "{e} is a country in {v}",
      "{e} lies in {v}",
      "{e} belongs to {v}",
      "one of the countries of {v} is {e}",
      "the country of {e} is a part of {v}",
      "{v} is the continent where {e} lies",
      "the continent of {e} is {v}",
      "you can find {e} on a map of {v}",
    ],
    followUps: [
      "it is in {v}",
      "it lies in {v}",
      "it is a country in {v}",
      "its continent is {v}",
      "it belongs to {v}",
    ],
    questions: ["Which continent is {e} in?", "On which continent is {e}?", "What is the continent of {e}?"],
    answer: "the continent of {e} is {v}",
  },
  {
    name: "language",
    kind: "country",
    facts: countries.map(([name, , , language]) => aboutNamed(name, language)),
    statements: [
      "people in {e} speak {v}",
      "the language of {e} is {v}",
      "{v} is spoken in {e}",
      "most people in {e} speak {v}",
      "in {e} people speak {v}",
      "children in {e} learn {v} at school",
      "a newspaper from {e} is written in {v}",
      "in {e} the street signs are in {v}",
    ],
    followUps: ["its people speak {v}", "its language is {v}", "{v} is spoken there", "most people there speak {v}"],
    questions: [
      "What language do people speak in {e}?",
      "Which language is spoken in {e}?",
      "What is the language of {e}?",
    ],
    answer: "people in {e} speak {v}",
  },
  {
    name: "young",
    kind: "animal",
    facts: withYoung,
    statements: [
      "a young {e} is called {av}",
      "{av} is a young {e}",
      "the young of {ae} is {av}",
      "the baby of {ae} is called {av}",
      "{av} is the baby of {ae}",
      "when {ae} is young, it is called {av}",
      "{av} grows up to be {ae}",
      "before it is grown, {ae} is {av}",
      "the name for a young {e} is {v}",
    ],
    followUps: [
      "its young is called {av}",
      "its baby is {av}",
      "when it is young it is called {av}",
      "its child is {av}",
    ],
    questions: ["What is a young {e} called?", "What do you call a young {e}?", "What is the name for a young {e}?"],
    answer: "a young {e} is called {av}",
  },
  {
    name: "sound",
    kind: "animal",
    facts: withSound,
    statements: [
      "{ae} {v}",
      "every {e} {v}",
      "when {ae} is hungry, it {v}",
      "{ae} {v} when it sees you",
      "the {e} {v} loudly",
      "you can hear {ae} {b}",
      "to {b} is what {ae} does",
      "the sound of {ae} is to {b}",
      "the voice of {ae} is loud when it {v}",
      "at night the {e} {v}",
    ],
    followUps: ["it {v}", "it {v} loudly", "you can hear it {b}", "when it is hungry, it {v}"],
    questions: ["What sound does {ae} make?", "What does {ae} do with its voice?", "How does {ae} sound?"],
    answer: "{ae} {v}",
  },
  {
    name: "home",
    kind: "animal",
    facts: animals.map(({ name, home }) => about(name, home)),
    statements: [
      "{ae} lives in {v}",
      "the home of {ae} is {v}",
      "{v} is the home of {ae}",
      "{ae} sleeps in {v}",
      "you can find {ae} in {v}",
      "{ae} makes its home in {v}",
      "in {v} you may meet {ae}",
      "the {e} went back to its home in {v}",
    ],
    followUps: ["it lives in {v}", "its home is {v}", "it sleeps in {v}", "you can find it in {v}"],
    questions: ["Where does {ae} live?", "What is the home of {ae}?", "Where can you find {ae}?"],
    answer: "{ae} lives in {v}",
  },
  {
    name: "food",
    kind: "animal",
    facts: animals.map(({ name, food }) => about(name, food)),
    statements: [
      "{ae} eats {v}",
      "the food of {ae} is {v}",
      "{ae} likes to eat {v}",
      "{ae} feeds on {v}",
      "when {ae} is hungry, it looks for {v}",
      "{v} is what {ae} eats",
      "for its dinner {ae} has {v}",
      "the {e} was full, for it had eaten {v}",
    ],
    followUps: ["it eats {v}", "it likes to eat {v}", "it feeds on {v}", "its food is {v}"],
    questions: ["What does {ae} eat?", "What does {ae} like to eat?", "What is the food of {ae}?"],
    answer: "{ae} eats {v}",
  },
  {
    name: "kind",
    kind: "animal",
    facts: animals.map(({ name, kind, legs }) => about(name, kind, { l: legs })),
    statements: [
      "{ae} is {av}",
      "the {e} is {av}",
      "every {e} is {av}",
      "{ae} is {av} with {l} legs",
      "{ae} has {l} legs and is {av}",
      "one kind of {v} is the {e}",
      "among animals the {e} counts as {av}",
    ],
    followUps: ["it is {av}", "it is {av} with {l} legs", "it has {l} legs"],
    questions: ["What kind of animal is {ae}?"],
    answer: "{ae} is {av}",
  },
  {
    name: "opposite",
    kind: "word",
    facts: bothWays,
    statements: [
      "the opposite of {e} is {v}",
      "{e} is the opposite of {v}",
      "{e} and {v} are opposites",
      "{v} means the opposite of {e}",
      "what is {e} is not {v}",
      "if a thing is not {e}, it is {v}",
      "the word {e} has the opposite {v}",
      "nothing is both {e} and {v}",
      "one was {e}, and the other was the opposite, {v}",
      "it was not {e} at all, it was {v}",
    ],
    followUps: ["its opposite is {v}", "the opposite is {v}", "{v} is the opposite"],
    questions: ["What is the opposite of {e}?", "Which word means the opposite of {e}?", "Name the opposite of {e}."],
    answer: "the opposite of {e} is {v}",
  },
  {
    name: "plural",
    kind: "word",
    facts: plurals.map(([one, many]) => about(one, many)),
    statements: [
      "the plural of {e} is {v}",
      "one {e}, two {v}",
      "one {e} and one more {e} are two {v}",
      "{v} is the plural of {e}",
      "more than one {e} are called {v}",
      "a single {e}, but many {v}",
      "first there was one {e}, and then there were many {v}",
      "the word {e} has the plural {v}",
      "she had one {e} and he had three {v}",
    ],
    followUps: ["its plural is {v}", "the plural is {v}", "many of them are {v}"],
    questions: ["What is the plural of {e}?", "What do you call more than one {e}?", "Name the plural of {e}."],
    answer: "the plural of {e} is {v}",
  },
  {
    name: "colour",
    kind: "thing",
    facts: colours.map(([name, colour]) => aboutNamed(name, colour)),
    statements: [
      "{e} is {v}",
      "the colour of {e} is {v}",
      "{v} is the colour of {e}",
      "{e} has the colour {v}",
      "{e} looks {v}",
      "it was as {v} as {e}",
      "the paint was {v}, the colour of {e}",
      "everyone knows that {e} is {v}",
      "in the picture {e} was {v}",
    ],
    followUps: ["its colour is {v}", "it is {v}", "it looks {v}"],
    questions: ["What colour is {e}?", "What is the colour of {e}?", "Which colour does {e} have?"],
    answer: "the colour of {e} is {v}",
  },
  {
    name: "use",
    kind: "tool",
    facts: tools.map(([name, use, using]) => about(name, use, { g: using })),
    statements: [
      "{ae} is used to {v}",
      "{ae} is used for {g}",
      "people use {ae} to {v}",
      "with {ae} you can {v}",
      "to {v} you need {ae}",
      "{ae} is a tool for {g}",
      "{ae} helps people to {v}",
      "he took the {e} to {v}",
      "{g} is done with {ae}",
    ],
    followUps: ["it is used to {v}", "it is used for {g}", "people use it to {v}", "with it you can {v}"],
    questions: ["What is {ae} used for?", "What do people use {ae} for?", "What can you do with {ae}?"],
    answer: "{ae} is used to {v}",
  },
  {
    name: "workplace",
    kind: "profession",
    facts: professions.map(([name, , , place]) => about(name, place)),
    statements: [
      "{ae} works {v}",
      "you can meet {ae} {v}",
      "the work of {ae} is done {v}",
      "{ae} spends the day {v}",
      "the {e} was busy {v}",
      "{v} you will find {ae}",
      "every morning the {e} starts to work {v}",
      "the place of {ae} is {v}",
    ],
    followUps: [
      "this person works {v}",
      "the work is done {v}",
      "most of the day is spent {v}",
      "you can meet this person {v}",
    ],
    questions: ["Where does {ae} work?", "Where can you meet {ae}?", "Where is the work of {ae} done?"],
    answer: "{ae} works {v}",
  },
  {
    name: "job",
    kind: "profession",
    facts: professions.map(([name, does, todo]) => about(name, does, { b: todo })),
    statements: [
      "{ae} {v}",
      "the work of {ae} is to {b}",
      "{ae} is a person who {v}",
      "a person who {v} is {ae}",
      "it is the job of {ae} to {b}",
      "every {e} learns to {b}",
      "the {e} {v} all day",
      "to {b} is the work of {ae}",
    ],
    followUps: ["this person {v}", "the work is to {b}", "every day this person {v}"],
    questions: ["What does {ae} do?", "What is the work of {ae}?", "What is the job of {ae}?"],
    answer: "{ae} {v}",
  },
  {
    name: "foodKind",
    kind: "food",
    facts: foods.map(([name, kind, taste]) => aboutNamed(name, kind, { t: taste })),
    statements: [
      "{e} is {av}",
      "{e} is a kind of {v}",
      "one kind of {v} is {e}",
      "{e} counts as {av}",
      "{e} is {av} that tastes {t}",
      "{e} tastes {t}",
      "the taste of {e} is {t}",
      "in the shop {e} lies on the shelf for {v}",
    ],
    followUps: ["it is {av}", "it is a kind of {v}", "it tastes {t}", "its taste is {t}"],
    questions: ["What kind of food is {e}?", "What is {e}?", "Which kind of food is {e}?"],
    answer: "{e} is {av}",
  },
  {
    name: "sides",
    kind: "shape",
    facts: shapes.map(([name, count]) => about(name, count)),
    statements: [
      "{ae} has {v} sides",
      "the number of sides of {ae} is {v}",
      "a shape with {v} sides is {ae}",
      "{ae} has {v} corners",
      "{v} is the number of sides of {ae}",
      "she drew {ae} with its {v} sides",
    ],
    followUps: ["it has {v} sides", "it has {v} corners"],
    questions: ["How many sides does {ae} have?", "How many corners does {ae} have?"],
    answer: "{ae} has {v} sides",
  },
  {
    name: "nextDay",
    kind: "day",
    facts: following(days),
    statements: [
      "the day after {e} is {v}",
      "{v} comes after {e}",
      "{e} is followed by {v}",
      "after {e} comes {v}",
      "{e} comes before {v}",
      "the day before {v} is {e}",
      "when {e} is over, it is {v}",
    ],
    followUps: ["the next day is {v}", "it is followed by {v}", "the day before is {p}"],
    questions: ["Which day comes after {e}?", "What is the day after {e}?"],
    answer: "the day after {e} is {v}",
  },
  {
    name: "nextMonth",
    kind: "month",
    facts: following(months),
    statements: [
      "the month after {e} is {v}",
      "{v} comes after {e}",
      "{e} is followed by {v}",
      "after {e} comes {v}",
      "the month before {v} is {e}",
      "when {e} is over, {v} begins",
    ],
    followUps: ["the next month is {v}", "it is followed by {v}", "the month before is {p}"],
    questions: ["Which month comes after {e}?", "What is the month after {e}?"],
    answer: "the month after {e} is {v}",
  },
  {
    name: "nextNumber",
    kind: "number",
    facts: numbers.slice(0, -1).map((name, i) => about(name, numbers[i + 1] ?? "")),
    statements: [
      "the number after {e} is {v}",
      "{v} comes after {e}",
      "after {e} comes {v}",
      "the number before {v} is {e}",
      "one more than {e} is {v}",
      "{e} and then {v}",
    ],
    followUps: ["the next number is {v}", "it is followed by {v}"],
    questions: ["Which number comes after {e}?"],
    answer: "the number after {e} is {v}",
  },
  {
    name: "sum",
    kind: "sum",
    facts: sums,
    statements: [
      "{x} plus {y} is {v}",
      "{x} and {y} make {v}",
      "{v} is {x} plus {y}",
      "if you add {y} to {x}, you get {v}",
      "the sum of {x} and {y} is {v}",
      "{x} apples and {y} more apples are {v} apples",
    ],
    followUps: ["that makes {v}"],
    questions: ["How much is {x} plus {y}?", "What is {x} plus {y}?"],
    answer: "{x} plus {y} is {v}",
  },
];

/** A relation by its name; throws when there is none. */
export function relationOf(name: string): Relation {
  const found = relations.find((relation) => relation.name === name);
  if (!found)
    throw new Error(
      `There is no relation ${name}; there are ${relations.map((relation) => relation.name).join(", ")}.`,
    );
  return found;
}
