/** A device tensor that is accounted for: it knows whether it is alive and how many runs are using it. */

import { byteSizeOf, type Shape, sizeOf } from "../tensor/dtype.ts";
import { RuntimeError } from "./errors.ts";
import { checkData, type DeviceDType, type DeviceMemory } from "./provider.ts";
import type { DeviceTensor, TensorData } from "./types.ts";

/** What a tensor needs of its runtime. */
export interface TensorOwner {
  /** Reads in turn with the runs, so that a read sees what the runs before it wrote. */
  read(tensor: TrackedTensor): Promise<TensorData>;
  check(): void;
  /** Whether the device is lost: then nothing computes any more, even where a call has not come back. */
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

  write(data: TensorData): void {
    this.#owner.check();
    this.#checkIdle("written");
    checkData(`Tensor ${this.label}`, this.dtype, this.shape, sizeOf(this.shape), data);
    this.memory.write(data);
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

  dispose(): void {
    if (this.#owner.isLost) this.checkAlive();
    else this.#checkIdle("disposed of");
    this.free();
  }

  /** Disposes of it whatever its state; for a runtime that ends. */
  free(): void {
    this.#alive = false;
    this.memory.free();
    this.#owner.forget(this);
  }

  /** Throws when the tensor has been disposed of. */
  checkAlive(): void {
    if (!this.#alive) throw new RuntimeError(`Tensor ${this.label} has been disposed of; make a new one.`);
  }

  /** Holds the tensor as it is until the returned function is called. */
  use(): () => void {
    this.#uses++;
    return () => {
      this.#uses--;
    };
  }

  /** Throws when it is dead, or when a run or read has been asked for and has not finished. */
  #checkIdle(what: string): void {
    this.checkAlive();
    if (this.#uses === 0) return;
    throw new RuntimeError(`Tensor ${this.label} cannot be ${what} while a run or read uses it; await that first.`);
  }
}
