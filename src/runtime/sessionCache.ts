/** A cache of sessions by artifact key. Above its budget it releases the least recently used sessions that are not in use. */

import type { Artifact } from "../artifacts/contract.ts";
import { describeType } from "../tensor/dtype.ts";
import { RuntimeError } from "./errors.ts";
import { OrtSession, type SessionOwner, SessionUse } from "./session.ts";
import type { ArtifactName } from "./types.ts";

export interface SessionBudget {
  readonly sessions: number;
  /** Limit of the sum of `sessionBytes`. */
  readonly bytes: number;
}

/**
 * A run needs at most 13 sessions: training and evaluation of four batch shapes, the optimizer, the watched row and three for
 * generation. Compare needs six, and an exam four or five per capacity of its caches. If a run's sessions did not fit, each step would build them again. So the budget is more
 * than twice the 200 MB of a model with 30 layers, and an eighth of a WebAssembly heap.
 */
export const sessionBudget: SessionBudget = { sessions: 32, bytes: 512e6 };

interface Entry {
  readonly artifact: Artifact;
  readonly use: SessionUse;
  readonly built: Promise<OrtSession>;
  /** Null until it is built. */
  session: OrtSession | null;
}

export class SessionCache {
  readonly #owner: SessionOwner;
  readonly #budget: SessionBudget;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  /** Every session that occupies memory, including those already removed from the cache. */
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
   * The session of the artifact; builds it if it is missing. With `forRun` it is not released before its next run. Throws when
   * it cannot be built, or when another artifact has the same key.
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

  /** Releases unused sessions until one more of this size fits or none is left; needs the mutex. */
  async #makeRoom(bytes: number): Promise<void> {
    for (const entry of [...this.#entries.values()]) {
      if (this.sessions < this.#budget.sessions && this.bytes + bytes <= this.#budget.bytes) return;
      if (!entry.session || entry.use.inUse) continue;
      this.#remove(entry);
      await entry.session.release();
    }
  }

  /** Releases the sessions that pass the test, after the runs requested so far have ended. */
  async release(test: (artifact: ArtifactName) => boolean): Promise<void> {
    const leaving = [...this.#entries.values()].filter(({ artifact }) => test(artifact));
    for (const entry of leaving) this.#remove(entry);
    // A session that could not be built needs no release, and its caller has the error.
    await Promise.allSettled(leaving.map(({ built }) => built));
    await this.#owner.mutex.run(async () => {
      for (const { session } of leaving) await session?.release();
    });
  }

  /** Removes a session from the account after its release. */
  forget(session: OrtSession): void {
    this.#live.delete(session);
  }
}

/** Throws when two artifacts with one key differ in kind or ports. It does not compare their graphs, which may not exist yet. */
function requireSame(known: Artifact, requested: Artifact): void {
  if (known === requested) return;
  const ports = ({ inputs, outputs }: Artifact) =>
    [...inputs, ...outputs].map(({ name, dtype, shape }) => `${name} ${describeType(dtype, shape)}`);
  const [built, wanted] = [ports(known), ports(requested)];
  const other = wanted.find((port, i) => port !== built[i]) ?? built[wanted.length];
  if (known.kind === requested.kind && other === undefined) return;
  throw new RuntimeError(
    `Two artifacts have the key ${known.key}, ${known.kind} and ${requested.kind}, ` +
      `${other === undefined ? "with the same ports" : `which differ in ${other}`}; a key must name one model.`,
  );
}
