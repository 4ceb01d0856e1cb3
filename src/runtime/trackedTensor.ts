/** A device tensor that knows whether it is alive and how many runs and reads use it. */

import { byteSizeOf, type Shape, sizeOf } from "../tensor/dtype.ts";
import { RuntimeError } from "./errors.ts";
import { checkData, checkPart, type DeviceDType, type DeviceMemory } from "./provider.ts";
import type { DeviceTensor, TensorData } from "./types.ts";

/** The part of the runtime that a tensor uses. */
export interface TensorOwner {
  /** Reads after all earlier runs, so that it sees their results. */
  read(tensor: TrackedTensor): Promise<TensorData>;
  check(): void;
  /** Whether the device is lost: then nothing computes, even if a call has not returned. */
  readonly isLost: boolean;
  forget(tensor: TrackedTensor): void;
}

export class TrackedTensor implements DeviceTensor {
  readonly label: string;
  readonly dtype: DeviceDType;
  readonly shape: Shape;
  readonly byteLength: number;
  readonly memory: DeviceMemory;
  readonly #owner: TensorOwner;
  #alive = true;
  #uses = 0;

  constructor(owner: TensorOwner, label: string, dtype: DeviceDType, shape: Shape, memory: DeviceMemory) {
    this.#owner = owner;
    this.label = label;
    this.dtype = dtype;
    this.shape = [...shape];
    this.byteLength = byteSizeOf(dtype, shape);
    this.memory = memory;
  }

  write(data: TensorData, at?: number): void {
    this.#owner.check();
    this.#checkIdle("written");
    const what = `Tensor ${this.label}`;
    if (at === undefined) checkData(what, this.dtype, this.shape, sizeOf(this.shape), data);
    else checkPart(what, this.dtype, this.shape, data, at);
    this.memory.write(data, at ?? 0);
  }

  async read(): Promise<TensorData> {
    this.#owner.check();
    this.checkAlive();
    const release = this.use();
    try {
      return await this.#owner.read(this);
    } finally {
      release();
    }
  }

  view(): TensorData | null {
    this.#owner.check();
    this.#checkIdle("viewed");
    return this.memory.view?.() ?? null;
  }

  dispose(): void {
    if (this.#owner.isLost) this.checkAlive();
    else this.#checkIdle("disposed of");
    this.free();
  }

  /** Frees the memory whatever the tensor's state; for the end of a runtime. */
  free(): void {
    this.#alive = false;
    this.memory.free();
    this.#owner.forget(this);
  }

  /** Throws when the tensor has been disposed of. */
  checkAlive(): void {
    if (!this.#alive) throw new RuntimeError(`Tensor ${this.label} has been disposed of; make a new one.`);
  }

  /** Prevents writes and disposal until the returned function is called. */
  use(): () => void {
    this.#uses++;
    return () => {
      this.#uses--;
    };
  }

  /** Throws when the tensor has been disposed of, or while a run or read uses it. */
  #checkIdle(what: string): void {
    this.checkAlive();
    if (this.#uses === 0) return;
    throw new RuntimeError(`Tensor ${this.label} cannot be ${what} while a run or read uses it; await that.`);
  }
}
