// The meters of all features, and the states in which there are none.
import { SimpleGrid, Skeleton, Title } from "@mantine/core";
import { ConnectionNotice } from "../layout/ConnectionNotice.tsx";
import { ErrorState } from "../layout/ErrorState.tsx";
import { useUser } from "../session/useSession.tsx";
import { denialOf } from "./limits.ts";
import { Meter } from "./Meter.tsx";
import { Refusal } from "./Refusal.tsx";
import { useLimits } from "./useLimits.ts";

// As many as a new project has, so that nothing moves when they arrive.
const EXPECTED = 5;

export function Meters() {
  const { data, error, dataUpdatedAt } = useLimits(useUser().id);
  if (!data && error) return <ErrorState error={error} what="Your usage" />;
  const denial = data && denialOf(data);
  return (
    <section aria-label="Usage" aria-busy={!data}>
      <Title order={2} size="h3" mb="sm">
        {data
          ? `Your plan: ${data.plan?.plan_name ?? data.plan?.plan_id ?? "unknown"}`
          : <Skeleton height={28} width={140} />}
      </Title>
      {denial && <Refusal refusal={denial} role="status" />}
      {data && <ConnectionNotice hasFailed={error !== null} since={dataUpdatedAt} />}
      <SimpleGrid
        component="ul"
        cols={{ base: 1, xs: 2, md: 3, lg: data && data.features.length > EXPECTED ? 3 : EXPECTED }}
        p={0}
        m={0}
        style={{ listStyle: "none" }}
      >
        {data
          ? data.features.map(({ feature_type }) => (
            <Meter key={feature_type} featureType={feature_type} status={data.status} />
          ))
          : Array.from(
            { length: EXPECTED },
            (_, place) => <Skeleton component="li" key={place} height={132} />,
          )}
      </SimpleGrid>
    </section>
  );
}
