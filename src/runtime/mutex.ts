/** A fair lock for asynchronous work: ONNX Runtime crashes when two of its calls overlap. */

export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Runs the task when every task given before has settled, and settles with it. A task that throws harms no other;
   * a task must not wait for another of the same mutex.
   */
  run<T>(task: () => Promise<T> | T): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => {});
    return result;
  }
}
