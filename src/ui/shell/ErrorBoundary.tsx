/** Shows an error instead of a broken part; the rest of the page stays. */

import { Alert, Button, Stack, Text } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { brokenWords as words } from "../words/shell.ts";

interface ErrorBoundaryProps {
  /** Name of the part in the message. */
  readonly part: string;
  readonly children: ReactNode;
}

export class ErrorBoundary extends Component<ErrorBoundaryProps, { readonly error: Error | null }> {
  override state: { readonly error: Error | null } = { error: null };

  static getDerivedStateFromError(thrown: unknown) {
    return { error: thrown instanceof Error ? thrown : new Error(String(thrown)) };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <Alert color="red" title={words.title(this.props.part)}>
        <Stack gap="xs" align="flex-start">
          <Text size="sm">{words.about(error.message)}</Text>
          <Button size="xs" variant="default" onClick={() => this.setState({ error: null })}>
            {words.again}
          </Button>
        </Stack>
      </Alert>
    );
  }
}
