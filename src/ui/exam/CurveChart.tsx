/** The exam curve: shares by step with intervals. The table beside it has the figures as text. */

import { useElementSize } from "@mantine/hooks";
import { plotCurve } from "../../run/curveSvg.ts";
import type { CurveLine } from "../../store/examCurve.ts";
import { curveWords as words } from "../words/exam.ts";
import classes from "./ExamCurve.module.css";

const colors = [
  "--mantine-color-dimmed",
  "--hone-train",
  "--hone-validation",
  "--hone-system",
  "--hone-user",
  "--hone-tool",
];
const dashes = ["2 3", "", "8 4", "12 3 2 3", "4 2"];

const styleOf = (index: number) => ({
  color: `var(${colors[index % colors.length]})`,
  dash: dashes[index % dashes.length] ?? "",
});

export function CurveChart({ lines }: { readonly lines: readonly CurveLine[] }) {
  const { ref, width } = useElementSize();
  const plot = plotCurve(lines, Math.max(260, Math.round(width) || 640));
  return (
    <div ref={ref}>
      <svg width={plot.width} height={plot.height} className={classes.chart} role="img" aria-label={words.chart}>
        {plot.ticks.y.map(({ at, text }) => (
          <g key={text}>
            <line x1={plot.left} x2={plot.right} y1={at} y2={at} className={classes.grid} />
            <text x={plot.left - 6} y={at + 4} textAnchor="end">
              {text}
            </text>
          </g>
        ))}
        {plot.ticks.x.map(({ at, text }) => (
          <text key={text} x={at} y={plot.bottom + 18} textAnchor="middle">
            {text}
          </text>
        ))}
        {plot.lines.map(({ name, marks }, index) => {
          const { color, dash } = styleOf(index);
          return (
            <g key={lines[index]?.runId ?? name} style={{ stroke: color, fill: color }}>
              <polyline
                points={marks.map(({ x, y }) => `${x},${y}`).join(" ")}
                fill="none"
                strokeWidth={2}
                strokeDasharray={dash}
              />
              {marks.map(({ x, y, low, high, step }) => (
                <g key={step}>
                  <line x1={x} x2={x} y1={low} y2={high} />
                  <circle cx={x} cy={y} r={3.5} stroke="none" />
                </g>
              ))}
            </g>
          );
        })}
      </svg>
      <ul className={classes.legend} aria-label={words.legend}>
        {lines.map(({ runId, name }, index) => {
          const { color, dash } = styleOf(index);
          return (
            <li key={runId ?? "base"}>
              <svg width="32" height="10" aria-hidden="true">
                <line x1="0" x2="32" y1="5" y2="5" strokeWidth="2.5" style={{ stroke: color }} strokeDasharray={dash} />
              </svg>
              <span>{name}</span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
