/** Seeded random numbers. The whole state is four integers, which a checkpoint stores. */

/** State of the generator: four unsigned 32-bit integers. */
export type RandomState = readonly [number, number, number, number];

export interface Random {
  /** A uniform number in [0, 1) with 32 bits of randomness. */
  next(): number;
  /** A uniform integer in [0, limit). */
  below(limit: number): number;
  /** A standard normal number (Box–Muller; the second of each pair is dropped, so `state` is complete). */
  normal(): number;
  /** A generator created from this state gives the same numbers again. */
  state(): RandomState;
}

/** Spreads one integer seed over the four words of a state (splitmix32). */
function spread(seed: number): RandomState {
  let s = seed >>> 0;
  const word = () => {
    s = (s + 0x9e3779b9) >>> 0;
    let z = s;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  return [word(), word(), word(), word()];
}

/**
 * A small fast generator (sfc32, tested with PractRand), created from an integer seed or from a saved state.
 * The same seed gives the same numbers on every machine.
 */
export function createRandom(from: number | RandomState): Random {
  let [a, b, c, counter] = typeof from === "number" ? spread(from) : from;
  const draw = () => {
    const t = (((a + b) >>> 0) + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = (b ^ (b >>> 9)) >>> 0;
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + t) >>> 0;
    return t;
  };
  if (typeof from === "number") for (let i = 0; i < 12; i++) draw();
  const next = () => draw() / 2 ** 32;
  return {
    next,
    below: (limit) => Math.floor(next() * limit),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    state: () => [a, b, c, counter],
  };
}

/** Shuffles in place (Fisher–Yates) and returns the same array. */
export function shuffle<T extends { [index: number]: unknown; length: number }>(items: T, random: Random): T {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const swapped = items[i] as T[number];
    items[i] = items[j] as T[number];
    items[j] = swapped;
  }
  return items;
}
