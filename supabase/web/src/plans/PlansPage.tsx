// The plans and their limits, with the user's own, a button to change to another, and packs.
import { Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { ErrorState } from "../layout/ErrorState.tsx";
import { Packs } from "../packs/Packs.tsx";
import { useOneAtATime } from "../server/useOneAtATime.ts";
import { useUser } from "../session/useSession.tsx";
import { FailureMessage } from "../usage/FailureMessage.tsx";
import { denialOf } from "../usage/limits.ts";
import { useFeatures } from "../usage/useFeatures.ts";
import { useLimits } from "../usage/useLimits.ts";
import { PlanTable, PlanTableSkeleton } from "./PlanTable.tsx";
import { type Plan, useChangePlan, usePlans } from "./usePlans.ts";
import { usePrices } from "./usePrices.ts";

export function PlansPage() {
  const { id } = useUser();
  const plans = usePlans();
  const features = useFeatures();
  const prices = usePrices();
  const limits = useLimits(id);
  const changing = useChangePlan(id);
  const change = useOneAtATime(changing);
  // A plan that is not paid for can be chosen again.
  const usable = limits.data && !denialOf(limits.data) ? limits.data : undefined;
  const error = plans.error ?? features.error ?? prices.error;

  const choose = ({ plan_id, plan_name }: Plan) =>
    change(plan_id, () => notifications.show({ message: `Your plan is now ${plan_name ?? plan_id}.` }));

  return (
    <Stack>
      <Title order={1} size="h2">Plans</Title>
      <Text c="dimmed">
        A new plan applies immediately. What you have used already still counts.
      </Text>
      <FailureMessage failure={changing.error} />
      {plans.data && features.data && prices.data
        ? (
          <PlanTable
            plans={plans.data}
            features={features.data}
            prices={prices.data}
            current={usable?.plan?.plan_id}
            changingTo={changing.isPending ? changing.variables : undefined}
            onChoose={choose}
          />
        )
        : error
        ? <ErrorState error={error} what="The plans" />
        : <PlanTableSkeleton />}
      {/* Not before the table, whose height would move it. */}
      {plans.data && features.data && prices.data && limits.data && <Packs status={limits.data.status} />}
    </Stack>
  );
}
