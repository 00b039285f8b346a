// The bar of a meter. The part that is reserved, for what is being made now, is striped.
import { Progress } from "@mantine/core";

interface Props {
  name: string;
  /** With what is reserved. */
  used: number;
  reserved: number;
  limit: number;
  /** What the bar says, for whoever does not see it. */
  text: string;
}

export function Bar({ name, used, reserved, limit, text }: Props) {
  const share = (amount: number) => Math.min(100, (100 * amount) / limit);
  const settled = share(used - reserved);
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
      <Progress.Section value={settled} color={color} withAria={false} />
      <Progress.Section value={share(used) - settled} color={color} striped animated withAria={false} />
    </Progress.Root>
  );
}

/** An empty bar, for a feature without a limit. */
export const NoBar = () => (
  <Progress.Root size="lg" aria-hidden>
    <Progress.Section value={0} withAria={false} />
  </Progress.Root>
);
