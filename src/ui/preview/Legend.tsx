/** Legend of colours, lines and fills. */

import { legendWords as words } from "../words/preview.ts";
import classes from "./paint.module.css";
import { type Paint, paintNames } from "./roles.ts";

const order: readonly Paint[] = ["system", "user", "assistant", "tool", "text", "template"];

interface LegendProps {
  /** Roles of the example. */
  readonly paints: readonly Paint[];
  /** Whether marks of single tokens are included. */
  readonly tokens?: boolean;
}

export function Legend({ paints, tokens = false }: LegendProps) {
  const shown = order.filter((paint) => paints.includes(paint));
  // The fill has the colour of a supervised role of the example.
  const filled = shown.find((paint) => paint === "assistant" || paint === "text") ?? "assistant";
  return (
    <ul className={classes.legend} aria-label={words.title}>
      {shown.map((paint) => (
        <li key={paint}>
          <span className={`${classes.paint} ${classes.key}`} data-paint={paint}>
            {paintNames[paint]}
          </span>
        </li>
      ))}
      <li>
        <span className={`${classes.paint} ${classes.key}`} data-paint={filled} data-learnt>
          {words.filled}
        </span>
        {words.filledMeans}
      </li>
      {tokens && (
        <>
          <li>
            <span className={`${classes.key} ${classes.paint} ${classes.outlined}`} data-paint="template">
              {words.outlined}
            </span>
            {words.outlinedMeans}
          </li>
          <li>
            <span className={`${classes.key} ${classes.cut}`}>{words.struck}</span>
            {words.struckMeans}
          </li>
          <li>
            <span className={`${classes.key} ${classes.straddles}`}>{words.dashed}</span>
            {words.dashedMeans}
          </li>
        </>
      )}
    </ul>
  );
}
