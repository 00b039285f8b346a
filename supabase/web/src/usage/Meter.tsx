// One feature: how much is used and reserved, the limit, what is left and when it resets; its price, packs and
// caps.
import { Card, Group, Text } from "@mantine/core";
import { usedOfAllowance } from "./available.ts";
import { Bar, NoBar } from "./Bar.tsx";
import { Details } from "./Details.tsx";
import { wordsOf } from "./features.ts";
import type { Statuses } from "./limits.ts";
import { isBlocked, meterText } from "./meterText.ts";
import { ahead } from "./time.ts";
import { useNow } from "./useNow.ts";

export function Meter({ featureType, status }: { featureType: string; status: Statuses }) {
  const now = useNow();
  const { name } = wordsOf(featureType);
  const text = meterText(featureType, status);
  const feature = status[featureType];
  const shown = feature && !isBlocked(feature) ? feature : undefined;
  const limit = shown?.limit ?? 0;
  // Packs that are not used up lengthen the bar.
  const packs = shown?.grants ?? [];
  const total = packs.reduce((sum, { amount }) => sum + amount, limit);
  const used = packs.reduce((sum, grant) => sum + grant.used, shown ? usedOfAllowance(shown) : 0);
  const reserved = Math.min(used, shown?.reserved ?? 0);
  return (
    <Card withBorder component="li" aria-label={name} mih={132}>
      <Group justify="space-between" wrap="nowrap" mb="xs">
        <Text fw={600}>{name}</Text>
        <Text fw={600} c={text.color}>{text.left}</Text>
      </Group>
      {total > 0
        ? <Bar {...{ name, used, reserved }} limit={total} text={`${text.used}, ${text.left}`} />
        : <NoBar />}
      <Text size="sm" mt="xs">{text.used}</Text>
      <Text size="sm" c="dimmed">
        {limit > 0 && shown?.reset_at ? `Resets ${ahead(shown.reset_at, now)}` : ""}
      </Text>
      {shown && <Details {...{ featureType, status }} feature={shown} />}
    </Card>
  );
}
