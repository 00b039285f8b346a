// In place of what could not be loaded.
import { Alert, Button } from "@mantine/core";
import { IconCloudOff } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { sentenceFor } from "../server/failure.ts";

export function ErrorState({ error, what }: { error: unknown; what: string }) {
  const queries = useQueryClient();
  return (
    <Alert
      color="red"
      variant="light"
      title={`${what} could not be loaded`}
      icon={<IconCloudOff aria-hidden />}
      role="alert"
    >
      {sentenceFor(error)}
      <div>
        <Button
          mt="sm"
          size="xs"
          variant="default"
          onClick={() => queries.refetchQueries({ type: "active" })}
        >
          Try again
        </Button>
      </div>
    </Alert>
  );
}
