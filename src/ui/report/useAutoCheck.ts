/** Checks small data automatically after each change: Start needs the result. */

import { useEffect } from "react";
import { useFacts, useHone } from "../hone.ts";
import { useSpec } from "../spec.tsx";

/** Maximum number of rows for the automatic check. */
const checkedUnasked = 5000;
/** Milliseconds after the last change. */
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
