// One feature: how much is used and reserved, the limit, what is left, and when it resets.
import { Card, Group, Progress, Text } from "@mantine/core";
import { amountOf, numberOf, wordsOf } from "./features.ts";
import type { FeatureLimit } from "./limits.ts";
import { ahead } from "./time.ts";
import { useNow } from "./useNow.ts";

export function Meter({ feature }: { feature: FeatureLimit }) {
  const now = useNow();
  const { feature_type, limit, current_usage: used = 0, reserved = 0, reset_at } = feature;
  const { name } = wordsOf(feature_type);
  const text = describe(feature);
  return (
    <Card withBorder component="li" aria-label={name} mih={132}>
      <Group justify="space-between" wrap="nowrap" mb="xs">
        <Text fw={600}>{name}</Text>
        <Text fw={600} c={text.color}>{text.left}</Text>
      </Group>
      {limit
        ? (
          <Bar
            name={name}
            used={used}
            reserved={reserved}
            limit={limit}
            text={`${text.used}, ${text.left}`}
          />
        )
        : (
          <Progress.Root size="lg" aria-hidden>
            <Progress.Section value={0} withAria={false} />
          </Progress.Root>
        )}
      <Text size="sm" mt="xs">{text.used}</Text>
      <Text size="sm" c="dimmed">{reset_at && limit !== 0 && `Resets ${ahead(reset_at, now)}`}</Text>
    </Card>
  );
}

/** The part that is reserved, for what is being made now, is striped. */
function Bar(props: { name: string; used: number; reserved: number; limit: number; text: string }) {
  const { name, used, reserved, limit, text } = props;
  const share = (amount: number) => Math.min(100, (100 * amount) / limit);
  const color = used >= limit ? "red" : share(used) >= 80 ? "orange" : "indigo";
  return (
    <Progress.Root
      size="lg"
      role="meter"
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={limit}
      aria-valuenow={Math.min(used, limit)}
      aria-valuetext={text}
    >
      <Progress.Section value={share(used - reserved)} color={color} withAria={false} />
      <Progress.Section
        value={share(used) - share(used - reserved)}
        color={color}
        striped
        animated
        withAria={false}
      />
    </Progress.Root>
  );
}

function describe(feature: FeatureLimit) {
  const { feature_type, limit, current_usage = 0, reserved = 0, error_code, is_unlimited } = feature;
  const number = (amount: number) => numberOf(feature_type, amount);
  const inProgress = reserved > 0 ? `, ${number(reserved)} of it in progress` : "";
  if (error_code && error_code !== "LIMIT_EXCEEDED") {
    return { left: "blocked", color: "dimmed", used: "Not available at the moment" };
  }
  if (is_unlimited) {
    return {
      left: "unlimited",
      color: undefined,
      used: `${amountOf(feature_type, current_usage)} used${inProgress}`,
    };
  }
  if (!limit) return { left: "not included", color: "dimmed", used: "Not part of your plan" };
  const left = Math.max(0, limit - current_usage);
  return {
    left: `${number(left)} left`,
    color: left === 0 ? "red" : undefined,
    used: `${number(current_usage)} of ${amountOf(feature_type, limit)} used${inProgress}`,
  };
}
