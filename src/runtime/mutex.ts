/** A fair lock for asynchronous work: ONNX Runtime crashes when two of its calls overlap. */

export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Runs the task after all earlier tasks have settled, and settles with its result. An error in one task does not affect the
   * others. A task must not wait for another task of the same mutex.
   */
  run<T>(task: () => Promise<T> | T): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => {});
    return result;
  }
}
