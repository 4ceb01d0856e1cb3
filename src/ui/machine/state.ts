/** The engine's state as a word and a colour. */

import type { EngineReport } from "../../protocol/engine.ts";
import type { EngineFacts } from "../../store/state.ts";
import type { Tone } from "../shell/Mark.tsx";
import { engineWords as words } from "../words/machine.ts";

export const engineTones: Readonly<Record<EngineFacts["status"], Tone>> = {
  starting: "calm",
  ready: "good",
  failed: "bad",
};

export function engineName(status: EngineFacts["status"], report: EngineReport | null): string {
  if (status === "ready" && report) return words.providers[report.provider];
  return status === "failed" ? words.stopped : words.starting;
}
