/** Short stories in which people of the small world meet, say and remember its facts, without questions. */

import type { Random } from "../../src/tensor/random.ts";
import { type Fact, fill, relationOf, sentence } from "./relations.ts";

/** The random draws of one document. */
export interface Draw {
  readonly random: Random;
  pick<T>(list: readonly T[]): T;
  chance(share: number): boolean;
}

export function createDraw(random: Random): Draw {
  return {
    random,
    pick: (list) => {
      if (list.length === 0) throw new Error("There is nothing to pick from.");
      return list[random.below(list.length)] as (typeof list)[number];
    },
    chance: (share) => random.next() < share,
  };
}

interface Person {
  readonly name: string;
  readonly he: string;
  readonly his: string;
  readonly him: string;
}

const girl = (name: string): Person => ({ name, he: "she", his: "her", him: "her" });
const boy = (name: string): Person => ({ name, he: "he", his: "his", him: "him" });
const people: readonly Person[] = [
  ...["Anna", "Clara", "Mia", "Lena", "Rosa", "Ida", "Nora", "Ella", "Ruth", "Zoe", "Vera", "Lucy"].map(girl),
  ...["Ben", "Tom", "Leo", "Max", "Paul", "Oscar", "Hugo", "Finn", "Emil", "Jack", "Sam", "Peter"].map(boy),
];
const relatives = ["mother", "father", "grandmother", "grandfather", "aunt", "uncle", "sister", "brother", "neighbour"];
const objects = ["ball", "hat", "book", "coin", "ring", "kite", "scarf", "basket", "toy boat", "drum", "cup", "letter"];
const places = [
  "the garden",
  "the park",
  "the village",
  "the market",
  "the river",
  "the old bridge",
  "the hill",
  "the harbour",
  "the station",
  "the school yard",
];
const weather = [
  "The sun was shining.",
  "It was raining.",
  "A cold wind blew.",
  "Snow lay on the roofs.",
  "The morning was warm.",
  "There was fog over the fields.",
  "It was a quiet evening.",
];

/** Two different people. */
function twoPeople({ pick }: Draw): readonly [Person, Person] {
  const first = pick(people);
  return [first, pick(people.filter((person) => person !== first))];
}

/** A phrase about one of a relation's facts, or about the given entity. */
function factPhrase({ pick }: Draw, name: string, about?: string): string {
  const { facts, statements } = relationOf(name);
  const known = about === undefined ? facts : facts.filter((fact) => fact.entity === about);
  return fill(pick(statements), pick(known.length > 0 ? known : facts));
}

/** The phrase alone, or as something that a person says, knows or remembers. */
function said(draw: Draw, who: string, phrase: string): string {
  const how = draw.pick([
    "said that",
    "knew that",
    "explained that",
    "remembered that",
    "had read that",
    "had heard that",
    "was sure that",
    "wrote down that",
    "told everyone that",
    "",
  ]);
  return how === "" ? sentence(phrase) : `${who} ${how} ${phrase}.`;
}

const endings = ({ name, he, his }: Person): readonly string[] => [
  `${name} went home and was happy.`,
  `That evening ${name} told ${his} family everything.`,
  `${name} never forgot that day.`,
  `Then it grew dark, and ${he} went to bed.`,
  `${name} wanted to come back soon.`,
  `${name} wrote about it in ${his} book.`,
  `In the end everyone laughed.`,
  `${name} slept well that night.`,
  `It had been a good day.`,
];

const asides = ({ name, he, his, him }: Person, { name: other }: Person): readonly string[] => [
  `${name} did not know what to say.`,
  `${other} walked beside ${him}.`,
  `${name} looked at the place where the road ends.`,
  `${he === "she" ? "She" : "He"} had brought bread and cheese.`,
  `${other} smiled.`,
  `They sat down under a tree which was very old.`,
  `${name} counted the steps.`,
  `Nobody knew how long it would take.`,
  `${name} gave ${other} ${his} hand.`,
  `They listened, and it was quiet.`,
  `${other} knew which way to go.`,
  `It was clear who had been there before.`,
  `${name} thought about what ${he} had seen.`,
];

type Story = (draw: Draw, one: Person, two: Person) => readonly string[];

/** A conversation of two people: each fact is said by one of them, with asides between. */
function conversation(draw: Draw, one: Person, two: Person, phrases: readonly string[]): string[] {
  return phrases.flatMap((phrase) => [
    ...(draw.chance(0.35) ? [draw.pick(asides(one, two))] : []),
    said(draw, draw.pick([one.name, two.name]), phrase),
  ]);
}

const some = (draw: Draw, least: number, most: number, make: () => string) =>
  Array.from({ length: least + draw.random.below(most - least + 1) }, make);

const farm: Story = (draw, one, two) => {
  const animalsMet = some(draw, 1, 3, () => draw.pick(relationOf("kind").facts).entity);
  const names = ["sound", "young", "home", "food", "kind"];
  return [
    draw.pick([
      `${one.name} and ${two.name} went to see the animals.`,
      `${one.name} visited a farm with ${one.his} ${draw.pick(relatives)}.`,
      `${one.name} read a book about animals to ${two.name}.`,
      `${one.name} drew animals all morning, and ${two.name} watched.`,
      `${two.name} showed ${one.name} the animals in the zoo.`,
    ]),
    ...animalsMet.flatMap((animal, i) => [
      `${draw.pick(i === 0 ? ["First they came to", "They began with", "The first was"] : ["Then they came to", "Next there was", "After that they saw"])} the ${animal}.`,
      ...conversation(
        draw,
        one,
        two,
        some(draw, 1, 2, () => factPhrase(draw, draw.pick(names), animal)),
      ),
    ]),
  ];
};

const journey: Story = (draw, one, two) => {
  const [first, second] = [draw.pick(relationOf("capital").facts), draw.pick(relationOf("capital").facts)];
  const stay = (fact: Fact) =>
    conversation(
      draw,
      one,
      two,
      some(draw, 1, 3, () => factPhrase(draw, draw.pick(["capital", "continent", "language"]), fact.entity)),
    );
  return [
    draw.pick([
      `${one.name} took a train to ${first.entity}.`,
      `${one.name} had a friend from ${first.entity}, who was called ${two.name}.`,
      `A ship carried ${one.name} to ${first.entity}.`,
      `${one.name} got a letter from ${first.entity}.`,
      `${two.name} came back from ${first.entity} and told ${one.name} about it.`,
      `${one.name} looked at the map and found ${first.entity}.`,
    ]),
    ...stay(first),
    ...(draw.chance(0.6) ? [`Then the journey went on to ${second.entity}.`, ...stay(second)] : []),
  ];
};

const lesson: Story = (draw, one, two) => {
  const name = draw.pick([
    "opposite",
    "plural",
    "sum",
    "nextDay",
    "nextMonth",
    "sides",
    "nextNumber",
    "capital",
    "young",
    "language",
  ]);
  return [
    draw.pick([
      `The teacher stood in front of the class.`,
      `${one.name} and ${two.name} sat in the first row at school.`,
      `In the morning ${one.name} had a lesson with ${two.name}.`,
      `${one.name} learnt for school with ${one.his} ${draw.pick(relatives)}.`,
    ]),
    ...some(draw, 2, 5, () => said(draw, draw.pick(["the teacher", one.name, two.name]), factPhrase(draw, name))).map(
      (text) => text.charAt(0).toUpperCase() + text.slice(1),
    ),
    ...(draw.chance(0.4) ? [draw.pick(asides(one, two))] : []),
  ];
};

const work: Story = (draw, one, two) => {
  const job = draw.pick(relationOf("job").facts);
  const tool = draw.pick(relationOf("use").facts);
  return [
    draw.pick([
      `${one.name}'s ${draw.pick(relatives)} was ${fill("{ae}", job)}.`,
      `${one.name} wanted to become ${fill("{ae}", job)}.`,
      `One day ${one.name} met ${fill("{ae}", job)} whose name was ${two.name}.`,
    ]),
    ...conversation(
      draw,
      one,
      two,
      some(draw, 1, 3, () => factPhrase(draw, draw.pick(["job", "workplace"]), job.entity)),
    ),
    ...(draw.chance(0.6)
      ? [
          `There was ${fill("{ae}", tool)} on the table.`,
          ...conversation(
            draw,
            one,
            two,
            some(draw, 1, 2, () => factPhrase(draw, "use", tool.entity)),
          ),
        ]
      : []),
  ];
};

const market: Story = (draw, one, two) => {
  const sum = draw.pick(relationOf("sum").facts);
  const food = draw.pick(relationOf("foodKind").facts);
  return [
    `${one.name} went to the market to buy ${food.slots.e ?? "food"}.`,
    ...conversation(
      draw,
      one,
      two,
      some(draw, 1, 2, () => factPhrase(draw, "foodKind", food.entity)),
    ),
    ...(draw.chance(0.6)
      ? [
          fill(`${one.name} had {x} coins, and ${two.name} gave ${one.him} {y} more, so now there were {v}.`, sum),
          sentence(factPhrase(draw, "sum", sum.entity)),
        ]
      : conversation(
          draw,
          one,
          two,
          some(draw, 1, 2, () => factPhrase(draw, "foodKind")),
        )),
  ];
};

const picture: Story = (draw, one, two) => [
  draw.pick([
    `${one.name} painted a picture for ${two.name}.`,
    `${one.name} and ${two.name} looked at a picture in a museum.`,
    `${two.name} gave ${one.name} a box of paints.`,
  ]),
  ...conversation(
    draw,
    one,
    two,
    some(draw, 2, 4, () => factPhrase(draw, "colour")),
  ),
];

const calendar: Story = (draw, one, two) => {
  const day = draw.pick(relationOf("nextDay").facts);
  const month = draw.pick(relationOf("nextMonth").facts);
  return [
    fill(
      `It was {e}, and ${one.name} ${draw.pick(["worked in the garden", "cleaned the house", "waited for a letter", "played the drum"])}.`,
      day,
    ),
    sentence(factPhrase(draw, "nextDay", day.entity)),
    fill(
      `So the next day was {v}, and then ${two.name} came with ${draw.pick(objects.map((object) => `a ${object}`))}.`,
      day,
    ),
    ...(draw.chance(0.5)
      ? [
          fill(`They stayed together until the end of {e}.`, month),
          sentence(factPhrase(draw, "nextMonth", month.entity)),
        ]
      : []),
  ];
};

const compare: Story = (draw, one, two) => {
  const [fact, other] = [draw.pick(relationOf("opposite").facts), draw.pick(relationOf("opposite").facts)];
  const object = draw.pick(objects);
  return [
    `${one.name} had a ${object}, and ${two.name} had a ${object} too.`,
    fill(`${one.name} said that ${one.his} ${object} was {e}, but the other was {v}.`, fact),
    sentence(factPhrase(draw, "opposite", fact.entity)),
    ...(draw.chance(0.6) ? [said(draw, two.name, factPhrase(draw, "opposite", other.entity))] : []),
    draw.pick(asides(one, two)),
  ];
};

const lost: Story = (draw, one, two) => {
  const object = draw.pick(objects);
  const [first, second] = [draw.pick(places), draw.pick(places)];
  return [
    `${one.name} had lost ${one.his} ${object}.`,
    `${one.name} looked in ${first}, but the ${object} was not there.`,
    ...(draw.chance(0.5) ? [draw.pick(asides(one, two))] : []),
    `Then ${two.name} came and helped ${one.him}.`,
    `They went to ${second}.`,
    `There lay the ${object}, under ${draw.pick(["a stone", "a leaf", "a bench", "an old coat", "the snow"])}.`,
    `${one.name} thanked ${two.name} and ${draw.pick(["gave", "wanted to give", "promised"])} ${two.him} ${draw.pick(["an apple", "a flower", "half of the bread", "a drawing"])}.`,
  ];
};

const friends: Story = (draw, one, two) => [
  draw.pick(weather),
  `${one.name} and ${two.name} met at ${draw.pick(places)}.`,
  `${one.name} had a ${draw.pick(objects)}, which ${two.name} liked very much.`,
  draw.pick([
    `They shared it and played until the evening.`,
    `First they did not agree, but then ${one.name} gave it away.`,
    `${two.name} told a story about ${draw.pick(["a king", "a ship", "a wolf", "a small star", "a giant"])}.`,
  ]),
  ...(draw.chance(0.5) ? [draw.pick(asides(one, two))] : []),
];

const stories: readonly Story[] = [
  farm,
  farm,
  journey,
  journey,
  lesson,
  lesson,
  lesson,
  work,
  work,
  market,
  picture,
  calendar,
  compare,
  lost,
  friends,
];

/** One story of five to fifteen sentences. */
export function story(draw: Draw): string {
  const [one, two] = twoPeople(draw);
  return [
    ...(draw.chance(0.3) ? [draw.pick(weather)] : []),
    ...draw.pick(stories)(draw, one, two),
    ...(draw.chance(0.7) ? [draw.pick(endings(one))] : []),
  ].join(" ");
}
