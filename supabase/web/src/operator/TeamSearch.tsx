// The teams of a user, or one by its id: what they use, each member's part, what can be done for
// them, and all that was.
import { Badge, Button, Card, Group, Skeleton, Stack, Table, Text, TextInput, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ErrorState } from "../layout/ErrorState.tsx";
import { Failure } from "../server/failure.ts";
import { isIncluded } from "../usage/available.ts";
import { amountOf, numberOf, wordsOf } from "../usage/features.ts";
import { nameOf } from "./fields.tsx";
import { OwnerActions } from "./OwnerActions.tsx";
import { OwnerHistory } from "./OwnerHistory.tsx";
import { type TeamReport, useTeamsOf } from "./reports.ts";
import { Rows } from "./Rows.tsx";

export function TeamSearch() {
  const [search, setSearch] = useState("");

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setSearch(String(new FormData(event.currentTarget).get("search")).trim());
  }

  return (
    <Card component="section" withBorder aria-label="One team">
      <form onSubmit={submit}>
        <Group align="end">
          <TextInput
            name="search"
            label="Find a team"
            placeholder="Its id, or a member's email address"
            flex={1}
            miw={200}
          />
          <Button type="submit">Show the team</Button>
        </Group>
      </form>
      <div role="status">{search !== "" && <Found key={search} search={search} />}</div>
    </Card>
  );
}

function Found({ search }: { search: string }) {
  const { data, error } = useTeamsOf(search);
  if (!data && error instanceof Failure && error.status === 400) {
    return <Text mt="md">Enter the id of a team, or a member's complete email address or id.</Text>;
  }
  if (!data) return error ? <ErrorState error={error} what="The team" /> : <Skeleton height={240} mt="md" />;
  if (data.teams.length === 0) return <Text mt="md">There is no team of {search}.</Text>;
  return data.teams.map((team) => <Team key={team.pool_id} team={team} />);
}

function Team({ team: { pool_id, plan_id, seats, status, features, members } }: { team: TeamReport }) {
  const owner = { pool_id };
  const shown = Object.keys(features).filter((feature) => isIncluded(features[feature]!)).sort();
  return (
    <Stack mt="md" gap="sm" component="section" aria-label={`Team ${pool_id}`}>
      <Title order={2} size="h3">Team {pool_id}</Title>
      <Text size="sm" c="dimmed">
        plan {plan_id ?? "none"}
        {status && `, ${status}`} · {seats ?? 0} seats · {members.filter((one) => one.is_member).length}{" "}
        members
      </Text>
      <Rows
        label="What the team has used"
        owner={owner}
        columns={["Who", ...shown.map((feature) => wordsOf(feature).name)]}
      >
        <Table.Tr>
          <Table.Th scope="row">All</Table.Th>
          {shown.map((feature) => {
            const { limit, current_usage } = features[feature]!;
            return (
              <Table.Td key={feature}>
                {limit === null
                  ? amountOf(feature, current_usage)
                  : `${numberOf(feature, current_usage)} of ${amountOf(feature, limit)}`}
              </Table.Td>
            );
          })}
        </Table.Tr>
        {members.map((member) => (
          <Table.Tr key={member.user_id}>
            <Table.Th scope="row" fw={400}>
              {nameOf(member)} {!member.is_member && <Badge variant="default" size="sm">has left</Badge>}
            </Table.Th>
            {shown.map((feature) => (
              <Table.Td key={feature}>{numberOf(feature, member.used[feature] ?? 0)}</Table.Td>
            ))}
          </Table.Tr>
        ))}
      </Rows>
      <OwnerActions owner={owner} members={members} />
      <OwnerHistory owner={owner} />
    </Stack>
  );
}
