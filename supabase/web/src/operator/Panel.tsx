// A titled part of the operators' page, in each of its states: loading, failed, empty, and with content.
import { Button, Card, Group, Skeleton, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { ErrorState } from "../layout/ErrorState.tsx";

interface Props<T> {
  title: string;
  query: { data: T | undefined; error: unknown; isPlaceholderData: boolean };
  /** What to say if there is nothing; undefined if there is something. */
  empty?: (data: T) => string | undefined;
  controls?: ReactNode;
  height: number;
  children: (data: T) => ReactNode;
}

export function Panel<T>(
  { title, query: { data, error, isPlaceholderData }, empty, controls, height, children }: Props<T>,
) {
  const nothing = data && empty?.(data);
  return (
    <Card
      component="section"
      withBorder
      aria-label={title}
      aria-busy={isPlaceholderData || (!data && !error)}
      mih={height}
    >
      <Group justify="space-between" mb="sm">
        <Title order={2} size="h3">{title}</Title>
        {controls}
      </Group>
      {error && !data
        ? <ErrorState error={error} what={title} />
        : !data
        ? <Skeleton height={height - 80} />
        : nothing
        ? <Text c="dimmed">{nothing}</Text>
        : children(data)}
    </Card>
  );
}

interface PagesProps {
  page: number;
  more: boolean;
  /** Whether another page is on its way: only that one knows whether there are more. */
  isTurning: boolean;
  onTurn: (page: number) => void;
}

/** Buttons to the page before and the next one of a list. */
export function Pages({ page, more, isTurning, onTurn }: PagesProps) {
  if (page === 0 && !more) return null;
  return (
    <Group mt="sm" gap="xs">
      <Button size="xs" variant="default" disabled={isTurning || page === 0} onClick={() => onTurn(page - 1)}>
        Previous
      </Button>
      <Text size="sm">Page {page + 1}</Text>
      <Button size="xs" variant="default" disabled={isTurning || !more} onClick={() => onTurn(page + 1)}>
        Next
      </Button>
    </Group>
  );
}
