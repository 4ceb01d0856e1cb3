/** The engine call that makes rows: the teacher is a base model or a run, and answers as it answers a person. */

import type { EngineApi, EngineEvent, MakeRequest } from "../protocol/engine.ts";

interface MakeParts {
  readonly answer: EngineApi["answer"];
  readonly emit: (event: EngineEvent) => void;
}

export function createMakeCalls({ answer, emit }: MakeParts): Pick<EngineApi, "makeRows"> {
  return {
    async makeRows({ from, settings, ...subject }: MakeRequest, signal) {
      // Loaded on demand: few visits make rows.
      const { makeFromExamples, makeFromPassages } = await import("../generation/make/make.ts");
      const teacher: Parameters<typeof makeFromExamples>[1] = (message, sampling) =>
        answer({ ...subject, requestId: "make", messages: [{ role: "user", content: message }], sampling }, signal);
      const outcomes =
        from.kind === "examples"
          ? makeFromExamples(from.examples, teacher, { ...settings, attempts: from.attempts })
          : makeFromPassages(from.passages, teacher, { ...settings, perPassage: from.perPassage });
      for await (const outcome of outcomes) {
        emit({ type: "made", outcome });
        signal?.throwIfAborted();
      }
    },
  };
}
