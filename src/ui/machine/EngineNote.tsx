/** The provider, on every screen, as a link to the Machine screen. */

import { useFacts } from "../hone.ts";
import { Mark } from "../shell/Mark.tsx";
import { engineName, engineTones } from "./state.ts";

export function EngineNote() {
  const { status, report } = useFacts((state) => state.engine);
  return (
    <Mark tone={engineTones[status]} data-testid="engine-status" data-status={status} data-provider={report?.provider}>
      {engineName(status, report)}
    </Mark>
  );
}
