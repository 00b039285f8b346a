// The message when a limit is reached or the plan does not allow something.
import { Alert, Anchor } from "@mantine/core";
import { IconHandStop } from "@tabler/icons-react";
import { Link } from "react-router";
import type { RefusalDetails } from "../server/failure.ts";
import type { Statuses } from "./limits.ts";
import { refusalText } from "./refusalText.ts";
import { useKnownLimits } from "./useKnownLimits.ts";
import { useNow } from "./useNow.ts";

interface Props {
  refusal: RefusalDetails;
  /** alert for what was just refused, and status for what is so for longer. */
  role?: "alert" | "status";
  /** What is known of the team, if it is about one. */
  team?: Statuses;
}

export function Refusal({ refusal, role = "alert", team }: Props) {
  const own = useKnownLimits().data?.status;
  const { title, advice } = refusalText(refusal, useNow(), team ?? own, team !== undefined);
  return (
    <Alert
      role={role}
      color="orange"
      variant="light"
      title={title}
      icon={<IconHandStop aria-hidden />}
      mb="md"
    >
      {advice}{" "}
      {refusal.error_code !== "DENIED" && !team && (
        <Anchor component={Link} to="/plans" inherit c="inherit" underline="always">See the plans</Anchor>
      )}
    </Alert>
  );
}
