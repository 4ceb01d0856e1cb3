/** The merges of a byte-pair model: pairs of tokens with their rank and the token that they make. */

/** Slots per merge: an open-addressed table must have free slots, or a search never ends. */
const spare = 2;

export class MergeTable {
  private readonly mask: number;
  /** Left id, right id, rank and merged id of each slot; the left id of a free slot is -1. */
  private readonly slots: Int32Array;

  /** `most`: the number of merges that the table can have. */
  constructor(most: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, most * spare)));
    this.mask = size - 1;
    this.slots = new Int32Array(size * 4).fill(-1);
  }

  /** Adds a merge; of two with the same pair the last counts, as in Hugging Face's tokenizers. */
  set(left: number, right: number, rank: number, merged: number): void {
    const { slots } = this;
    const slot = this.slotOf(left, right);
    slots[slot] = left;
    slots[slot + 1] = right;
    slots[slot + 2] = rank;
    slots[slot + 3] = merged;
  }

  /** The merge of a pair, for `rank` and `merged`; -1 where the model has none. */
  find(left: number, right: number): number {
    const slot = this.slotOf(left, right);
    return this.slots[slot] === -1 ? -1 : slot;
  }

  rank(slot: number): number {
    return this.slots[slot + 2] ?? 0;
  }

  merged(slot: number): number {
    return this.slots[slot + 3] ?? 0;
  }

  /** The index of the pair's slot, or of the free one where it belongs. */
  private slotOf(left: number, right: number): number {
    const { slots, mask } = this;
    // Two odd factors spread consecutive ids over the table; the high bits of the products are the mixed ones.
    const hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    for (let at = (hash ^ (hash >>> 15)) & mask; ; at = (at + 1) & mask) {
      const slot = at * 4;
      if (slots[slot] === -1 || (slots[slot] === left && slots[slot + 1] === right)) return slot;
    }
  }
}
