/** Few rows are checked whenever something has changed and rested, whichever screen is shown: Start depends on it. */

import { useEffect } from "react";
import { useFacts, useHone } from "../hone.ts";
import { useSpec } from "../spec.tsx";

/** Rows up to which every change is checked without being asked. */
const checkedUnasked = 5000;
/** Milliseconds of rest before that. */
const rest = 600;

export function useAutoCheck(): void {
  const hone = useHone();
  const { settled, sources } = useSpec();
  const idle = useFacts(({ data, training }) => !data.opening && training.phase === "idle");
  const rows = sources.reduce((sum, source) => sum + source.rows, 0);
  useEffect(() => {
    if (!settled || !idle || rows === 0 || rows > checkedUnasked) return;
    if (hone.store.getState().report.key === settled.key) return;
    const timer = setTimeout(() => void hone.report.check(settled.spec, settled.key), rest);
    return () => clearTimeout(timer);
  }, [hone, settled, idle, rows]);
}
