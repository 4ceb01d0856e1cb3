/** Which examples share a row: best-fit decreasing bin packing, so that rows of a fixed length hold little padding. */

/**
 * Puts examples of these lengths into rows of `length` tokens: the longest first, each into the row that it fills most, a
 * new row where none has room. Gives the rows, each a list of indices. Takes O(n log `length`) time, always gives the same
 * rows for the same lengths, never more of them than next-fit would in that order, and at most 11/9 of the fewest possible
 * and four (Johnson et al., "Worst-case performance bounds for simple one-dimensional packing algorithms", 1974).
 * Throws RangeError when an example is longer than a row.
 */
export function packExamples(lengths: ArrayLike<number>, length: number): number[][] {
  // Order by counting, longest first, equal ones as they come: which[k] is the k-th to be placed.
  const placesOf = new Int32Array(length + 2);
  for (let i = 0; i < lengths.length; i++) {
    const size = lengths[i] ?? 0;
    if (!(size >= 0 && size <= length)) {
      throw new RangeError(`Example ${i + 1} has ${size} tokens, and a packed row holds ${length}: raise its length.`);
    }
    // Counted one lower in the table, so that sums give where each size begins.
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
    const row = room === null ? groups.length : rooms.take(room);
    if (room === null) groups.push([index]);
    else groups[row]?.push(index);
    rooms.put((room ?? length) - size, row);
  }
  return groups;
}

/** Rows by the tokens that they still have room for, 0 to `length`. */
function createRooms(length: number) {
  let leaves = 1;
  while (leaves < length + 1) leaves *= 2;
  // A binary tree in an array: node n has children 2n and 2n + 1, room r is leaf leaves + r; true where some row is below.
  const some = new Uint8Array(2 * leaves);
  const rows = new Map<number, number[]>();
  return {
    /** The least room of at least `size` that some row has, null for none. */
    least(size: number): number | null {
      let node = leaves + size;
      if (!some[node]) {
        // Up to the first node that is a left child with rows at its right, then down along the left-most of them.
        while (node > 1 && (node % 2 === 1 || !some[node + 1])) node = node >> 1;
        if (node <= 1) return null;
        node++;
        while (node < leaves) node = some[2 * node] ? 2 * node : 2 * node + 1;
      }
      return node - leaves;
    },
    /** Takes out the newest row with this room. */
    take(room: number): number {
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

/** Share of the rows' slots that hold tokens, 0 to 1; 1 for no row at all. */
export function packingEfficiency(
  groups: readonly (readonly number[])[],
  lengths: ArrayLike<number>,
  length: number,
): number {
  let tokens = 0;
  for (const group of groups) for (const index of group) tokens += lengths[index] ?? 0;
  return groups.length === 0 ? 1 : tokens / (groups.length * length);
}
