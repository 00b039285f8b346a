// One feature: how much is used and reserved, the limit, what is left, and when it resets.
import { Card, Group, Text } from "@mantine/core";
import { Bar, NoBar } from "./Bar.tsx";
import { wordsOf } from "./features.ts";
import type { FeatureLimit } from "./limits.ts";
import { meterText } from "./meterText.ts";
import { ahead } from "./time.ts";
import { useNow } from "./useNow.ts";

export function Meter({ feature }: { feature: FeatureLimit }) {
  const now = useNow();
  const { feature_type, limit, current_usage: used = 0, reserved = 0, reset_at } = feature;
  const { name } = wordsOf(feature_type);
  const text = meterText(feature);
  return (
    <Card withBorder component="li" aria-label={name} mih={132}>
      <Group justify="space-between" wrap="nowrap" mb="xs">
        <Text fw={600}>{name}</Text>
        <Text fw={600} c={text.color}>{text.left}</Text>
      </Group>
      {limit ? <Bar {...{ name, used, reserved, limit }} text={`${text.used}, ${text.left}`} /> : <NoBar />}
      <Text size="sm" mt="xs">{text.used}</Text>
      <Text size="sm" c="dimmed">{limit && reset_at ? `Resets ${ahead(reset_at, now)}` : ""}</Text>
    </Card>
  );
}
