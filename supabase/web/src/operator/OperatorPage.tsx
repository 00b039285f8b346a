// The page of operators: who is near a limit, who uses most, how much is used, one user, and one team.
import { SimpleGrid, Stack, Title } from "@mantine/core";
import { Refused } from "./Refused.tsx";
import { useUser } from "../session/useSession.tsx";
import { NearLimit } from "./NearLimit.tsx";
import { TeamSearch } from "./TeamSearch.tsx";
import { TopUsers } from "./TopUsers.tsx";
import { UsageByPeriod } from "./UsageByPeriod.tsx";
import { UserSearch } from "./UserSearch.tsx";

export function OperatorPage() {
  // What this hides, the server refuses as well.
  if (!useUser().isOperator) return <Refused />;
  return (
    <Stack gap="lg">
      <Title order={1} size="h2">Operator</Title>
      <UserSearch />
      <TeamSearch />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <NearLimit />
        <TopUsers />
      </SimpleGrid>
      <UsageByPeriod />
    </Stack>
  );
}
