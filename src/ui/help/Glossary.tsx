/** All terms of the page, in the order in which the screens use them. */

import { Panel } from "../shell/Panel.tsx";
import { type Entry, glossary, glossaryWords } from "../words/glossary.ts";
import { pageWords } from "../words/rail.ts";
import classes from "./Glossary.module.css";

const entries: readonly Entry[] = Object.values(glossary);

export function Glossary() {
  return (
    <Panel title={glossaryWords.title}>
      <dl className={classes.list}>
        {entries.map(({ term, meaning, formula, page }) => (
          <div key={term} className={classes.entry}>
            <dt>{term}</dt>
            <dd>
              {meaning}
              {formula && <code className={classes.formula}>{formula}</code>}
              <span className={classes.where}>
                {glossaryWords.screen} <a href={`#${page}`}>{pageWords[page].title}</a>
              </span>
            </dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
