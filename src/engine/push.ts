/** Pushes an export of this tab to Hugging Face: the only call that sends data from this machine. */

import type { OutFile } from "../export/files.ts";
import { openArchive } from "../export/openArchive.ts";
import { createPushes } from "../hub/push.ts";
import type { EngineApi, EngineEvent } from "../protocol/engine.ts";
import { repositoryProblem } from "../run/repositoryName.ts";

export function createPushCalls(emit: (event: EngineEvent) => void): Pick<EngineApi, "pushToHub"> {
  const pushes = createPushes();
  return {
    async pushToHub({ archive, token, repository, visibility, card, title }, signal) {
      const problem = repositoryProblem(repository);
      if (problem !== null) throw new Error(`The repository's name cannot be used: ${problem}`);
      const files = withCard(await openArchive("The exported archive", archive, signal), card);
      return pushes.push(
        { token, repository, visibility, files, title },
        { signal, onProgress: (task, done, total) => emit({ type: "progress", task, done, total }) },
      );
    },
  };
}

/** The files with this text as README.md. */
function withCard(files: readonly OutFile[], card: string): OutFile[] {
  const content = new Blob([card], { type: "text/markdown" });
  return [...files.filter(({ name }) => name !== "README.md"), { name: "README.md", content }];
}
