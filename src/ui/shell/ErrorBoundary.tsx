/** Keeps one broken part from leaving a white page. */

import { Alert, Button, Stack, Text } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { brokenWords as words } from "../words/shell.ts";

interface ErrorBoundaryProps {
  /** The part of the page, as its message names it. */
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
