// The time of now, renewed every half minute, for texts such as "in 5 hours", or more often.
import { useInterval } from "@mantine/hooks";
import { useState } from "react";

const HALF_MINUTE = 30_000;

export function useNow(every = HALF_MINUTE): number {
  const [now, setNow] = useState(Date.now);
  useInterval(() => setNow(Date.now()), every, { autoInvoke: true });
  return now;
}
