// One user, found by email address or id: plan, limits, what can be done for them, and all that was.
import { Button, Card, Group, Skeleton, Stack, Table, Text, TextInput, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ErrorState } from "../layout/ErrorState.tsx";
import { Failure } from "../server/failure.ts";
import { amountOf, numberOf, wordsOf } from "../usage/features.ts";
import { useFeatures } from "../usage/useFeatures.ts";
import { OwnerActions } from "./OwnerActions.tsx";
import { OwnerHistory } from "./OwnerHistory.tsx";
import { Pages } from "./Panel.tsx";
import { useOneUser } from "./reports.ts";
import { Rows } from "./Rows.tsx";

export function UserSearch() {
  const [search, setSearch] = useState("");

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setSearch(String(new FormData(event.currentTarget).get("search")).trim());
  }

  return (
    <Card component="section" withBorder aria-label="One user">
      <form onSubmit={submit}>
        <Group align="end">
          <TextInput name="search" label="Find a user" placeholder="Email address or id" flex={1} miw={200} />
          <Button type="submit">Find</Button>
        </Group>
      </form>
      <div role="status">{search !== "" && <Found key={search} search={search} />}</div>
    </Card>
  );
}

function Found({ search }: { search: string }) {
  const [page, setPage] = useState(0);
  const { data, error, isPlaceholderData } = useOneUser(search, page);
  if (!data && error instanceof Failure && error.status === 400) {
    return <Text mt="md">Enter a complete email address or a user id.</Text>;
  }
  if (!data && error instanceof Failure && error.status === 404) {
    return <Text mt="md">There is no user {search}.</Text>;
  }
  if (!data) return error ? <ErrorState error={error} what="The user" /> : <Skeleton height={240} mt="md" />;
  const { user, plan, features, rows, more } = data;
  return (
    <Stack mt="md" gap="sm">
      <Title order={2} size="h3">{user.email ?? user.id}</Title>
      <Text size="sm" c="dimmed">
        {user.id} · plan {plan?.plan_id ?? "free"}
        {plan?.status && `, ${plan.status}`}
      </Text>
      <Rows label="Current limits" columns={["Feature", "Used", "Limit", "Left"]}>
        {features.map(({ feature_type, current_usage, limit, is_unlimited, remaining, error_code }) => (
          <Table.Tr key={feature_type}>
            <Table.Td>{wordsOf(feature_type).name}</Table.Td>
            <Table.Td>{current_usage === undefined ? "–" : amountOf(feature_type, current_usage)}</Table.Td>
            <Table.Td>
              {is_unlimited
                ? "unlimited"
                : limit == null
                ? error_code && "blocked"
                : amountOf(feature_type, limit)}
            </Table.Td>
            <Table.Td>{remaining == null ? "" : numberOf(feature_type, remaining)}</Table.Td>
          </Table.Tr>
        ))}
      </Rows>
      <OwnerActions owner={{ user_id: user.id }} />
      <OwnerHistory owner={{ user_id: user.id }} />
      <Title order={3} size="h5">Usage by period</Title>
      {rows.length === 0
        ? <Text c="dimmed">This user has not used anything yet.</Text>
        : <Counters rows={rows} />}
      <Pages page={page} more={more} isTurning={isPlaceholderData} onTurn={setPage} />
    </Stack>
  );
}

function Counters({ rows }: { rows: ({ period: string } & Record<string, unknown>)[] }) {
  const features = useFeatures().data ?? [];
  return (
    <Rows
      label="Usage by period"
      columns={["Period", ...features.map(({ feature_type }) => wordsOf(feature_type).name)]}
    >
      {rows.map((row) => (
        <Table.Tr key={row.period}>
          <Table.Th scope="row">{row.period}</Table.Th>
          {features.map(({ feature_type, usage_column }) => (
            <Table.Td key={usage_column}>{numberOf(feature_type, Number(row[usage_column] ?? 0))}</Table.Td>
          ))}
        </Table.Tr>
      ))}
    </Rows>
  );
}
