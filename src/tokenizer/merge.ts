/** Byte-pair encoding (Sennrich 2015, https://arxiv.org/abs/1508.07909) in the order of Hugging Face's tokenizers. */

import type { MergeTable } from "./mergeTable.ts";

/** Longer texts than the browser allows; a key is rank × positions + position, exact in a double. */
const positions = 2 ** 30;
/** The id of a symbol that was merged into the one before it. */
const gone = -2;

/**
 * Merges symbols in place and returns the rest: the pair with the lowest rank first, of equal pairs the leftmost. Takes
 * O(n log n) steps. The id -1, an unknown symbol, is in no merge.
 */
export function mergeSymbols(ids: number[], table: MergeTable): number[] {
  const { length } = ids;
  if (length < 2) return ids;
  const next = new Int32Array(length);
  const previous = new Int32Array(length);
  const queue: number[] = [];
  const pair = (at: number, after: number) => table.find(ids[at] ?? -1, ids[after] ?? -1);
  const offer = (at: number) => {
    const after = next[at] ?? length;
    if (after >= length) return;
    const merge = pair(at, after);
    if (merge !== -1) push(queue, table.rank(merge) * positions + at);
  };
  for (let i = 0; i < length; i++) {
    next[i] = i + 1;
    previous[i] = i - 1;
    offer(i);
  }
  while (queue.length > 0) {
    const key = pop(queue);
    const at = key % positions;
    const after = next[at] ?? length;
    if (ids[at] === gone || after >= length) continue;
    const merge = pair(at, after);
    // The pair that was offered may have merged with others since.
    if (merge === -1 || table.rank(merge) !== (key - at) / positions) continue;
    ids[at] = table.merged(merge);
    ids[after] = gone;
    const beyond = next[after] ?? length;
    next[at] = beyond;
    if (beyond < length) previous[beyond] = at;
    const before = previous[at] ?? -1;
    if (before >= 0) offer(before);
    offer(at);
  }
  return ids.filter((id) => id !== gone);
}

/** Adds a key to a binary heap. */
function push(heap: number[], key: number): void {
  let at = heap.push(key) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] ?? 0;
    if (above <= key) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = key;
}

/** Removes the lowest key of a heap that is not empty. */
function pop(heap: number[]): number {
  const lowest = heap[0] ?? 0;
  const key = heap.pop() ?? 0;
  const { length } = heap;
  if (length === 0) return lowest;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= length) break;
    if (child + 1 < length && (heap[child + 1] ?? 0) < (heap[child] ?? 0)) child++;
    const below = heap[child] ?? 0;
    if (below >= key) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = key;
  return lowest;
}
