/** Parts whose code is loaded when their screen is first opened, so that a first visit does not load it. */

import { type ComponentType, lazy, Suspense, useState } from "react";
import type { PageName } from "../../store/state.ts";
import { useFacts } from "../hone.ts";

export function later(page: PageName, load: () => Promise<ComponentType>): ComponentType {
  const Part = lazy(async () => ({ default: await load() }));
  return function Later() {
    const visible = useFacts(({ place }) => place.page === page);
    const [opened, setOpened] = useState(visible);
    // Hidden screens are rendered too.
    if (visible && !opened) setOpened(true);
    return opened ? (
      <Suspense fallback={null}>
        <Part />
      </Suspense>
    ) : null;
  };
}
