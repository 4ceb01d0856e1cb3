/** One example in three linked panes: messages, rendered template, tokens. */

import { Text } from "@mantine/core";
import { useCallback, useMemo, useState } from "react";
import { share } from "../format.ts";
import { exampleWords as words } from "../words/preview.ts";
import { Legend } from "./Legend.tsx";
import { type Link, linksOf } from "./links.ts";
import { MessagesPane } from "./MessagesPane.tsx";
import classes from "./Preview.module.css";
import { RenderedPane } from "./RenderedPane.tsx";
import { type PreviewExample, proofWords } from "./roles.ts";
import { TokensPane } from "./TokensPane.tsx";
import { linkName } from "./tokenName.ts";

/** The selected part: the pointer wins over the keyboard. */
function useLink() {
  const [link, setLink] = useState<Link | null>(null);
  // An unchanged selection must not render.
  const point = useCallback(
    (next: Link | null) =>
      setLink((before) => (before?.kind === next?.kind && before?.index === next?.index ? before : next)),
    [],
  );
  return [link, point] as const;
}

function Numbers({ example }: { readonly example: PreviewExample }) {
  const { tokens, supervised, lost, proof } = example;
  const straddling = tokens.reduce((sum, token) => sum + (token.straddles ? 1 : 0), 0);
  const cut = tokens.reduce((sum, token) => sum + (token.cut ? 1 : 0), 0);
  return (
    <p className={classes.numbers} data-testid="row-numbers">
      <b>{words.tokens(tokens.length)}</b>
      <span>
        <b>{words.supervised(supervised)}</b>
        {tokens.length > 0 && words.share(share(supervised / tokens.length))}
      </span>
      {cut > 0 && <span className={classes.doubt}>{words.cut(cut)}</span>}
      {lost > 0 && <span className={classes.doubt}>{words.lost(lost)}</span>}
      {straddling > 0 && <span className={classes.doubt}>{words.straddling(straddling)}</span>}
      <span>{supervised + lost > 0 ? words.proof(proofWords[proof]) : words.nothing}</span>
    </p>
  );
}

export function ExampleView({ example }: { readonly example: PreviewExample }) {
  const links = useMemo(() => linksOf(example), [example]);
  const [link, point] = useLink();
  const [wanted, setWanted] = useState<{ readonly token: number } | null>(null);
  const choose = useCallback(
    (chosen: Link) => {
      const token = links.firstToken(chosen);
      if (token !== null) setWanted({ token });
    },
    [links],
  );
  const marked = example.tokens.length > 0;

  return (
    <>
      <Numbers example={example} />
      {example.problem && !example.answer && (
        <Text size="sm" className={classes.doubt ?? ""}>
          {words.leftOut(example.problem)}
        </Text>
      )}
      <div className={classes.panes}>
        <section aria-label={words.sourcePane} className={classes.pane}>
          <h4 className={classes.paneTitle}>{words.source}</h4>
          <MessagesPane links={links} link={link} onLink={point} onChoose={choose} />
        </section>
        <section aria-label={words.templatePane} className={classes.pane}>
          <h4 className={classes.paneTitle}>{words.template}</h4>
          <RenderedPane links={links} link={link} onLink={point} onChoose={choose} />
        </section>
        <section aria-label={words.tokensPane} className={classes.pane}>
          <h4 className={classes.paneTitle}>{words.tokensTitle}</h4>
          {marked ? (
            <TokensPane links={links} link={link} onLink={point} wanted={wanted} />
          ) : (
            <p className={classes.quiet}>{words.noToken}</p>
          )}
        </section>
      </div>
      <p className={classes.detail} data-testid="link-detail">
        {link ? linkName(links, link) : words.point}
      </p>
      <Legend paints={links.paints} tokens />
    </>
  );
}
