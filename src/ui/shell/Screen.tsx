/** One screen: title, purpose, panels, and links to the previous and next step. */

import { Activity, type ReactNode, useEffect, useRef } from "react";
import type { PageName, PlaceFacts } from "../../store/state.ts";
import { useFacts } from "../hone.ts";
import { pageWords, railWords } from "../words/rail.ts";
import classes from "./Screen.module.css";

interface ScreenProps {
  readonly name: PageName;
  /** Previous and next step; null where there is none. */
  readonly before: PageName | null;
  readonly next: PageName | null;
  readonly children: ReactNode;
}

/** Scrolls to the requested part and focuses it, except at the first load. */
function useArrival(name: PageName, begun: PlaceFacts) {
  const title = useRef<HTMLHeadingElement>(null);
  const place = useFacts((state) => state.place);
  useEffect(() => {
    const part = place.part === null ? null : document.getElementById(place.part);
    if (place.page !== name || (place === begun && !part)) return;
    if (part) part.scrollIntoView({ block: "start" });
    else window.scrollTo(0, 0);
    (part ?? title.current)?.focus({ preventScroll: true });
  }, [name, place, begun]);
  return title;
}

function Content({ name, before, next, begun, children }: ScreenProps & { readonly begun: PlaceFacts }) {
  const title = useArrival(name, begun);
  const words = pageWords[name];
  return (
    <div className={classes.screen} data-screen={name}>
      <header className={classes.header}>
        <h1 className={classes.title} ref={title} tabIndex={-1}>
          {words.title}
        </h1>
        <p className={classes.lead}>{words.lead}</p>
      </header>
      {children}
      {(before || next) && (
        <div className={classes.ways}>
          {before && (
            <a className={classes.way} href={`#${before}`}>
              ← {railWords.before(pageWords[before].title)}
            </a>
          )}
          {next && (
            <a className={classes.way} data-next href={`#${next}`}>
              {railWords.next(pageWords[next].title)} →
            </a>
          )}
        </div>
      )}
    </div>
  );
}

/** Stays mounted while hidden, so that no input is lost; hidden parts run no effects. */
export function Screen(props: ScreenProps) {
  const place = useFacts((state) => state.place);
  const begun = useRef(place).current;
  return (
    <Activity mode={place.page === props.name ? "visible" : "hidden"}>
      <Content {...props} begun={begun} />
    </Activity>
  );
}
