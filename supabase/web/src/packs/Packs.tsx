// The packs that are for sale, what is left of the user's own, and a button to buy one.
import { Button, Card, SimpleGrid, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { packs } from "../../../functions/payment-webhook/packs.ts";
import { useOneAtATime } from "../server/useOneAtATime.ts";
import { useUser } from "../session/useSession.tsx";
import { FailureMessage } from "../usage/FailureMessage.tsx";
import { amountOf, goodsOf } from "../usage/features.ts";
import type { Statuses } from "../usage/limits.ts";
import { useBuyPack } from "./useBuyPack.ts";

export function Packs({ status }: { status: Statuses }) {
  const buying = useBuyPack(useUser().id);
  const buy = useOneAtATime(buying);
  // A pack of a feature that this project does not have is not for sale.
  const sold = Object.entries(packs).filter(([, { feature_type }]) => status[feature_type]);
  if (sold.length === 0) return null;
  return (
    <section aria-labelledby="packs">
      <Title order={2} size="h3" id="packs">Packs</Title>
      <Text c="dimmed" mb="sm">A pack is used after what your plan includes, and does not end with it.</Text>
      <FailureMessage failure={buying.error} />
      <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} component="ul" p={0} m={0} style={{ listStyle: "none" }}>
        {sold.map(([name, { feature_type, units }]) => {
          const goods = goodsOf(feature_type, units);
          return (
            <Card withBorder component="li" key={name} aria-label={`Pack of ${goods}`}>
              <Text fw={600}>{goods}</Text>
              <Text size="sm" c="dimmed" mb="sm">
                {amountOf(feature_type, leftOfPacks(status, feature_type))} left of your packs
              </Text>
              <Button
                size="compact-sm"
                variant="default"
                style={{ alignSelf: "start" }}
                disabled={buying.isPending}
                loading={buying.isPending && buying.variables === name}
                aria-label={`Buy ${goods}`}
                onClick={() => buy(name, () => say(`You have bought ${goods}.`))}
              >
                Buy
              </Button>
            </Card>
          );
        })}
      </SimpleGrid>
    </section>
  );
}

const say = (message: string) =>
  notifications.show({ message, role: "status", closeButtonProps: { "aria-label": "Close" } });

const leftOfPacks = (status: Statuses, featureType: string): number =>
  status[featureType]?.grants.reduce((sum, { remaining }) => sum + remaining, 0) ?? 0;
