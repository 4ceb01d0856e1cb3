/** A named scroll region, reachable by keyboard. */

import { Box } from "@mantine/core";
import type { ReactNode } from "react";

interface ScrollRegionProps {
  readonly label: string;
  readonly className?: string | undefined;
  readonly children: ReactNode;
}

export function ScrollRegion({ label, className = "", children }: ScrollRegionProps) {
  return (
    <Box component="section" aria-label={label} className={className} tabIndex={0}>
      {children}
    </Box>
  );
}
