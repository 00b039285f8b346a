// A part of what is shown of one user or team, and a button in its rows.
import { Button, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

export const Part = (
  { title, nothing, children }: { title: string; nothing: string | false; children: ReactNode },
) => (
  <>
    <Title order={3} size="h5">{title}</Title>
    {nothing ? <Text c="dimmed" size="sm">{nothing}</Text> : children}
  </>
);

export const Small = (
  { label, onClick, children }: { label: string; onClick: () => void; children: string },
) => <Button size="compact-xs" variant="default" aria-label={label} onClick={onClick}>{children}</Button>;
