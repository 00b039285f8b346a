// What somebody sees at the operators' address who is none.
import { Alert } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";

export const Refused = () => (
  <Alert color="red" variant="light" title="This page is for operators" icon={<IconLock aria-hidden />}>
    Your account has no access to it.
  </Alert>
);
