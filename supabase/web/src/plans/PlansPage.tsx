// The plans and their limits, with the user's own, and a button to change to another.
import { Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { ErrorState } from "../layout/ErrorState.tsx";
import { useOneAtATime } from "../server/useOneAtATime.ts";
import { useUser } from "../session/useSession.tsx";
import { FailureMessage } from "../usage/FailureMessage.tsx";
import { denialOf } from "../usage/limits.ts";
import { useFeatures } from "../usage/useFeatures.ts";
import { useLimits } from "../usage/useLimits.ts";
import { PlanTable, PlanTableSkeleton } from "./PlanTable.tsx";
import { type Plan, useChangePlan, usePlans } from "./usePlans.ts";

export function PlansPage() {
  const { id } = useUser();
  const plans = usePlans();
  const features = useFeatures();
  const limits = useLimits(id);
  const changing = useChangePlan(id);
  const change = useOneAtATime(changing);
  // A plan that is not paid for can be chosen again.
  const usable = limits.data && !denialOf(limits.data) ? limits.data : undefined;
  const error = plans.error ?? features.error;

  const choose = ({ plan_id, plan_name }: Plan) =>
    change(plan_id, () => notifications.show({ message: `Your plan is now ${plan_name ?? plan_id}.` }));

  return (
    <Stack>
      <Title order={1} size="h2">Plans</Title>
      <Text c="dimmed">
        A new plan applies immediately. What you have used already still counts.
      </Text>
      <FailureMessage failure={changing.error} />
      {plans.data && features.data
        ? (
          <PlanTable
            plans={plans.data}
            features={features.data}
            current={usable?.plan?.plan_id}
            changingTo={changing.isPending ? changing.variables : undefined}
            onChoose={choose}
          />
        )
        : error
        ? <ErrorState error={error} what="The plans" />
        : <PlanTableSkeleton />}
    </Stack>
  );
}
