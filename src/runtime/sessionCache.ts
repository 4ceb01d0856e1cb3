/** Sessions by artifact key. Beyond a budget the least recently used ones are released; those in use never are. */

import type { Artifact } from "../artifacts/contract.ts";
import { describeType } from "../tensor/dtype.ts";
import { RuntimeError } from "./errors.ts";
import { OrtSession, type SessionOwner, SessionUse } from "./session.ts";
import type { ArtifactName } from "./types.ts";

export interface SessionBudget {
  readonly sessions: number;
  /** By the estimate of `sessionBytes`. */
  readonly bytes: number;
}

/**
 * A run asks for 12 sessions at most (four batch shapes to train and to evaluate, the optimizer, the watched row and the two
 * of generation), and Compare for four. A run whose own sessions do not fit would build them anew in each step, so the
 * budget is twice what a model of 30 layers takes then (200 MB), and an eighth of a WebAssembly heap.
 */
export const sessionBudget: SessionBudget = { sessions: 32, bytes: 512e6 };

interface Entry {
  readonly artifact: Artifact;
  readonly use: SessionUse;
  readonly built: Promise<OrtSession>;
  /** Null while it is built. */
  session: OrtSession | null;
}

export class SessionCache {
  readonly #owner: SessionOwner;
  readonly #budget: SessionBudget;
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry>();
  /** Every session that holds memory, those already taken out of the cache included. */
  readonly #live = new Set<OrtSession>();

  constructor(owner: SessionOwner, budget: SessionBudget) {
    this.#owner = owner;
    this.#budget = budget;
  }

  get sessions(): number {
    return this.#live.size;
  }

  get bytes(): number {
    return [...this.#live].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * The session of the artifact, built when it is missing. `forRun` keeps it from being released before its next run. Throws
   * when it cannot be built, and when the key is another artifact's.
   */
  async get(artifact: Artifact, forRun: boolean): Promise<OrtSession> {
    const { key } = artifact;
    const entry = this.#entries.get(key) ?? this.#build(artifact);
    requireSame(entry.artifact, artifact);
    if (forRun) entry.use.expectRun();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    try {
      const session = await entry.built;
      if (!session.released) return session;
    } catch (error) {
      this.#remove(entry);
      throw error;
    }
    this.#remove(entry);
    return this.get(artifact, forRun);
  }

  #build(artifact: Artifact): Entry {
    const use = new SessionUse();
    const built = this.#owner.mutex.run(async () => {
      const session = await OrtSession.create(this.#owner, artifact, use, (bytes) => this.#makeRoom(bytes));
      this.#live.add(session);
      entry.session = session;
      return session;
    });
    const entry: Entry = { artifact, use, built: this.#owner.provider.untilLost(built), session: null };
    return entry;
  }

  #remove(entry: Entry): void {
    if (this.#entries.get(entry.artifact.key) === entry) this.#entries.delete(entry.artifact.key);
  }

  /** Releases until one more session of so many bytes fits, or until all that is left is in use; with the mutex held. */
  async #makeRoom(bytes: number): Promise<void> {
    for (const entry of [...this.#entries.values()]) {
      if (this.sessions < this.#budget.sessions && this.bytes + bytes <= this.#budget.bytes) return;
      if (!entry.session || entry.use.inUse) continue;
      this.#remove(entry);
      await entry.session.release();
    }
  }

  /** Releases the sessions that pass the test once the runs asked for so far have ended. */
  async release(test: (artifact: ArtifactName) => boolean): Promise<void> {
    const leaving = [...this.#entries.values()].filter(({ artifact }) => test(artifact));
    for (const entry of leaving) this.#remove(entry);
    // A session that could not be built has told its caller so; there is nothing to release.
    await Promise.allSettled(leaving.map(({ built }) => built));
    await this.#owner.mutex.run(async () => {
      for (const { session } of leaving) await session?.release();
    });
  }

  /** A session has been released, by the cache or because a run failed. */
  forget(session: OrtSession): void {
    this.#live.delete(session);
  }
}

/** Throws when two artifacts of one key differ in kind or ports: their graphs are not compared, for they may not be written. */
function requireSame(known: Artifact, asked: Artifact): void {
  if (known === asked) return;
  const ports = ({ inputs, outputs }: Artifact) =>
    [...inputs, ...outputs].map(({ name, dtype, shape }) => `${name} ${describeType(dtype, shape)}`);
  const [built, wanted] = [ports(known), ports(asked)];
  const other = wanted.find((port, i) => port !== built[i]) ?? built[wanted.length];
  if (known.kind === asked.kind && other === undefined) return;
  throw new RuntimeError(
    `Two artifacts have the key ${known.key}, ${known.kind} and ${asked.kind}, ` +
      `${other === undefined ? "with the same ports" : `which differ in ${other}`}; a key must name one model.`,
  );
}
