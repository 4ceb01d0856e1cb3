/** Finds ids by the texts of their tokens. A map is one. */
export interface TokenIds {
  get(text: string): number | undefined;
  has(text: string): boolean;
  keys(): Iterable<string>;
  readonly size: number;
}

/** The object of a `tokenizer.json` itself: a map of a quarter of a million tokens would take time and memory. */
export function asTokenIds(vocab: Readonly<Record<string, number>>, size: number): TokenIds {
  const get = (text: string) => {
    const id: unknown = vocab[text];
    // A member of every object, as "constructor", is no number.
    return typeof id === "number" ? id : undefined;
  };
  return { get, has: (text) => get(text) !== undefined, keys: () => Object.keys(vocab), size };
}
