/** What was computed for a text, kept for the next time it occurs; most words of a dataset are repeated. */

/** Two generations: when the younger is full the older is forgotten, so that what is used again and again stays. */
export class Memory<T> {
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

/** Limits: some 20 MB. */
const generation = 50_000;
const longest = 64;
