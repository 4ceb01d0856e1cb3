/** The definitions beside the settings of a stage of preferences. */

import type { PreferenceSettings } from "../../batching/preference.ts";
import { Explain, Explanations } from "../help/Explain.tsx";

export function PreferenceHelp({ preference }: { readonly preference: PreferenceSettings | null }) {
  if (!preference) return null;
  return (
    <Explanations>
      <Explain term={preference.loss} />
      <Explain term="preference" />
      <Explain term="margin" />
    </Explanations>
  );
}
