/** Iterator helpers (ES2025) that jax-js uses and Node below 22 lacks. Import it before jax-js. */

const prototype: object = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

const helpers = {
  *map<T, U>(this: Iterable<T>, change: (value: T) => U) {
    for (const value of this) yield change(value);
  },
  *filter<T>(this: Iterable<T>, keep: (value: T) => boolean) {
    for (const value of this) if (keep(value)) yield value;
  },
  toArray<T>(this: Iterable<T>) {
    return [...this];
  },
};

for (const [name, value] of Object.entries(helpers)) {
  if (!(name in prototype)) Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
}
