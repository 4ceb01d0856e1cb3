/** Packs examples into rows of a fixed length with little padding: best-fit decreasing bin packing. */

/**
 * Packs examples of these lengths into rows of `length` tokens and returns the rows, each a list of indices. The longest
 * comes first; each goes into the row with the least sufficient room, or into a new row. Equal lengths give equal rows, in
 * O(n log `length`) time. The number of rows is at most that of next-fit in this order, and at most 11/9 of the optimum plus
 * four (Johnson et al., "Worst-case performance bounds for simple one-dimensional packing algorithms", 1974).
 * Throws a RangeError when an example is longer than a row.
 */
export function packExamples(lengths: ArrayLike<number>, length: number): number[][] {
  // Stable counting sort, longest first: which[k] is the k-th example to place.
  const placesOf = new Int32Array(length + 2);
  for (let i = 0; i < lengths.length; i++) {
    const size = lengths[i] ?? 0;
    if (!(size >= 0 && size <= length)) {
      throw new RangeError(`Example ${i + 1} has ${size} tokens, but a packed row has ${length}: raise its length.`);
    }
    // Shifted by one, so that the prefix sums are the first place of each size.
    placesOf[length - size + 1] = (placesOf[length - size + 1] ?? 0) + 1;
  }
  for (let i = 1; i < placesOf.length; i++) placesOf[i] = (placesOf[i] ?? 0) + (placesOf[i - 1] ?? 0);
  const which = new Int32Array(lengths.length);
  for (let i = 0; i < lengths.length; i++) {
    const place = length - (lengths[i] ?? 0);
    which[placesOf[place] ?? 0] = i;
    placesOf[place] = (placesOf[place] ?? 0) + 1;
  }

  const groups: number[][] = [];
  const rooms = createRooms(length);
  for (const index of which) {
    const size = lengths[index] ?? 0;
    const room = rooms.least(size);
    const row = room === null ? groups.length : rooms.pop(room);
    if (room === null) groups.push([index]);
    else groups[row]?.push(index);
    rooms.put((room ?? length) - size, row);
  }
  return groups;
}

/** Rows by their remaining room in tokens, 0 to `length`. */
function createRooms(length: number) {
  let leaves = 1;
  while (leaves < length + 1) leaves *= 2;
  // A binary tree in an array: node n has children 2n and 2n + 1, room r is leaf `leaves + r`; 1 where a row is below it.
  const some = new Uint8Array(2 * leaves);
  const rows = new Map<number, number[]>();
  return {
    /** The least room of any row that is at least `size`; null when no row has it. */
    least(size: number): number | null {
      let node = leaves + size;
      if (!some[node]) {
        // Climb to the first left child whose right sibling has rows, then descend to the left-most of these.
        while (node > 1 && (node % 2 === 1 || !some[node + 1])) node = node >> 1;
        if (node <= 1) return null;
        node++;
        while (node < leaves) node = some[2 * node] ? 2 * node : 2 * node + 1;
      }
      return node - leaves;
    },
    /** Removes the newest row with this room and returns it. */
    pop(room: number): number {
      const stack = rows.get(room) ?? [];
      const row = stack.pop();
      if (row === undefined) throw new Error(`No row has room for exactly ${room} tokens.`);
      if (stack.length === 0) {
        let node = leaves + room;
        some[node] = 0;
        for (node >>= 1; node >= 1; node >>= 1) some[node] = some[2 * node] || some[2 * node + 1] ? 1 : 0;
      }
      return row;
    },
    put(room: number, row: number): void {
      const stack = rows.get(room);
      if (stack) stack.push(row);
      else rows.set(room, [row]);
      for (let node = leaves + room; node >= 1 && !some[node]; node >>= 1) some[node] = 1;
    },
  };
}

/** Share of the rows' slots that contain tokens, 0 to 1; 1 without rows. */
export function packingEfficiency(
  groups: readonly (readonly number[])[],
  lengths: ArrayLike<number>,
  length: number,
): number {
  let tokens = 0;
  for (const group of groups) for (const index of group) tokens += lengths[index] ?? 0;
  return groups.length === 0 ? 1 : tokens / (groups.length * length);
}
