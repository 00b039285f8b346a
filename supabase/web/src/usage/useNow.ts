// The time of now, renewed every half minute, for texts such as "in 5 hours".
import { useInterval } from "@mantine/hooks";
import { useState } from "react";

export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useInterval(() => setNow(Date.now()), 30_000, { autoInvoke: true });
  return now;
}
