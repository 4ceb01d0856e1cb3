/** The tokens of a text during encoding, in typed arrays that grow: a dataset has millions of tokens. */

export class TokenList {
  length = 0;
  ids = new Int32Array(1024);
  /** UTF-16 offset of each token's first character. */
  starts = new Int32Array(1024);
  /** UTF-16 offset after its last one. */
  ends = new Int32Array(1024);

  clear(): void {
    this.length = 0;
  }

  push(id: number, start: number, end: number): void {
    const i = this.length++;
    if (i === this.ids.length) {
      this.ids = grown(this.ids);
      this.starts = grown(this.starts);
      this.ends = grown(this.ends);
    }
    this.ids[i] = id;
    this.starts[i] = start;
    this.ends[i] = end;
  }

  /** Copies of exact length. */
  copy(): { ids: Int32Array; starts: Int32Array; ends: Int32Array } {
    const { ids, starts, ends, length } = this;
    return { ids: ids.slice(0, length), starts: starts.slice(0, length), ends: ends.slice(0, length) };
  }
}

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
