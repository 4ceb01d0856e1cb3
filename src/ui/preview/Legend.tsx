/** What colours, lines and grounds mean. */

import classes from "./paint.module.css";
import { type Paint, paintNames } from "./roles.ts";

const order: readonly Paint[] = ["system", "user", "assistant", "tool", "text", "template"];

interface LegendProps {
  /** Those that are there. */
  readonly paints: readonly Paint[];
  /** Also how single tokens are marked. */
  readonly tokens?: boolean;
}

export function Legend({ paints, tokens = false }: LegendProps) {
  const shown = order.filter((paint) => paints.includes(paint));
  // The ground is shown in the colour of what is learnt, where there is any.
  const learnt = shown.find((paint) => paint === "assistant" || paint === "text") ?? "assistant";
  return (
    <ul className={classes.legend} aria-label="Legend">
      {shown.map((paint) => (
        <li key={paint}>
          <span className={`${classes.paint} ${classes.key}`} data-paint={paint}>
            {paintNames[paint]}
          </span>
        </li>
      ))}
      <li>
        <span className={`${classes.paint} ${classes.key}`} data-paint={learnt} data-learnt>
          Learnt
        </span>
        , the fuller the more it counts
      </li>
      {tokens && (
        <>
          <li>
            <span className={`${classes.key} ${classes.paint} ${classes.outlined}`} data-paint="template">
              Outlined
            </span>
            : context, weight 0
          </li>
          <li>
            <span className={`${classes.key} ${classes.cut}`}>Struck</span>: cut by the length limit
          </li>
          <li>
            <span className={`${classes.key} ${classes.straddles}`}>Dashed box</span>: over a border of the mask
          </li>
        </>
      )}
    </ul>
  );
}
