/** Caches results by text, because most words of a dataset are repeated. */

/** Two generations: a full younger one replaces the older one, and each use moves an entry to the younger one. */
export class TextCache<T> {
  private young = new Map<string, T>();
  private old = new Map<string, T>();

  get(text: string): T | undefined {
    const value = this.young.get(text);
    if (value !== undefined) return value;
    const before = this.old.get(text);
    if (before !== undefined) this.set(text, before);
    return before;
  }

  set(text: string, value: T): void {
    if (text.length > longest) return;
    if (this.young.size >= generation) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(text, value);
  }
}

/** Both limits together allow about 20 MB. */
const generation = 50_000;
const longest = 64;
