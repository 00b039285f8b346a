// A table with a column per plan and a row per feature.
import { Button, Skeleton, Table, Text } from "@mantine/core";
import { amountOf, numberOf, perKind, wordsOf } from "../usage/features.ts";
import type { Feature } from "../usage/useFeatures.ts";
import type { Plan } from "./usePlans.ts";
import { type Price, priceOf } from "./usePrices.ts";

interface Props {
  plans: Plan[];
  features: Feature[];
  prices: Price[];
  current: string | undefined;
  changingTo: string | undefined;
  onChoose: (plan: Plan) => void;
}

export function PlanTable({ plans, features, prices, current, changingTo, onChoose }: Props) {
  return (
    <Table.ScrollContainer
      minWidth={320}
      scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": "Plans" } }}
    >
      <Table verticalSpacing="sm" horizontalSpacing={6} fz="sm" withTableBorder>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">Feature</Table.Th>
            {plans.map((plan) => <Table.Th scope="col" key={plan.plan_id}>{nameOf(plan)}</Table.Th>)}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {features.map((feature) => (
            <Table.Tr key={feature.feature_type}>
              <Table.Th scope="row">{wordsOf(feature.feature_type).name}</Table.Th>
              {plans.map((plan) => (
                <Table.Td key={plan.plan_id}>
                  {limitOf(plan, feature, priceOf(prices, plan.plan_id, feature.feature_type))}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
          <Table.Tr>
            <Table.Td />
            {plans.map((plan) => (
              <Table.Td key={plan.plan_id}>
                {plan.plan_id === current ? <Text span fw={600} size="sm">Your plan</Text> : (
                  <Button
                    size="compact-sm"
                    variant="default"
                    disabled={changingTo !== undefined}
                    loading={changingTo === plan.plan_id}
                    onClick={() => onChoose(plan)}
                    aria-label={`Choose ${nameOf(plan)}`}
                  >
                    Choose
                  </Button>
                )}
              </Table.Td>
            ))}
          </Table.Tr>
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

export const PlanTableSkeleton = () => <Skeleton height={360} aria-label="The plans are loading" />;

const nameOf = ({ plan_id, plan_name }: Plan) => plan_name ?? plan_id;

function limitOf(plan: Plan, { feature_type, limit_column, period }: Feature, price: Price | undefined) {
  const limit = plan[limit_column];
  if (limit === null) return "unlimited";
  const each = price && `${amountOf(price.paid_in, price.amount)} each`;
  if (typeof limit !== "number" || limit === 0) {
    return each ?? <Text span c="dimmed" size="sm">not included</Text>;
  }
  return `${numberOf(feature_type, limit)} ${perKind(period)}${each ? `, then ${each}` : ""}`;
}
