// The teams of the user: a meter for each feature that the team's plan or packs allow. None for whoever is in none.
import { SimpleGrid, Text, Title } from "@mantine/core";
import { ErrorState } from "../layout/ErrorState.tsx";
import { useUser } from "../session/useSession.tsx";
import { isIncluded } from "../usage/available.ts";
import { Meter } from "../usage/Meter.tsx";
import { Refusal } from "../usage/Refusal.tsx";
import { nameOf, type Team, useTeams } from "./useTeams.ts";

export function Teams() {
  const { data, error } = useTeams(useUser().id);
  if (!data) return error ? <ErrorState error={error} what="Your team" /> : null;
  return data.map((team, place) => (
    <section key={team.pool_id} aria-label={nameOf(place, data)}>
      <Title order={2} size="h3">
        {nameOf(place, data)}: {team.plan_name ?? team.plan_id ?? "no plan"}
      </Title>
      <Text c="dimmed" mb="sm">{seatsText(team)} Everybody in the team uses what is here.</Text>
      <Meters {...team} />
    </section>
  ));
}

const seatsText = ({ seats }: Team): string =>
  seats === 1 ? "1 seat." : `${(seats ?? 0).toLocaleString()} seats.`;

/** Codes that are about one feature; any other blocks all of them. */
const OF_ONE_FEATURE = ["LIMIT_EXCEEDED", "RATE_LIMITED", "DENIED"];

function Meters({ status }: Team) {
  const all = Object.values(status);
  const denial = all.find(({ error_code }) => error_code && !OF_ONE_FEATURE.includes(error_code));
  const shown = Object.keys(status).filter((feature) => isIncluded(status[feature]!)).sort();
  return (
    <>
      {denial && <Refusal refusal={denial} role="status" team={status} />}
      <SimpleGrid
        component="ul"
        cols={{ base: 1, xs: 2, md: 3, lg: 5 }}
        p={0}
        m={0}
        style={{ listStyle: "none" }}
      >
        {shown.map((feature) => <Meter key={feature} featureType={feature} status={status} />)}
      </SimpleGrid>
    </>
  );
}
