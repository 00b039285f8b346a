// Says that what the page shows is old, because the device is offline or the server does not answer.
import { Affix, Alert } from "@mantine/core";
import { useNetwork } from "@mantine/hooks";
import { IconCloudOff } from "@tabler/icons-react";
import { clockOf } from "../usage/time.ts";

/** Lies over the page, so that nothing moves when it comes and goes. */
export function ConnectionNotice({ hasFailed, since }: { hasFailed: boolean; since: number }) {
  const { online } = useNetwork();
  const title = online ? "The server does not answer. Trying again…" : "You are offline.";
  return (
    <Affix position={{ bottom: 16, left: 16, right: 16 }} role="status" style={{ pointerEvents: "none" }}>
      {(hasFailed || !online) && (
        <Alert
          color="yellow.4"
          role="group"
          variant="filled"
          autoContrast
          title={title}
          icon={<IconCloudOff aria-hidden />}
          maw={480}
          mx="auto"
        >
          Last updated at {clockOf(since)}.
        </Alert>
      )}
    </Affix>
  );
}
