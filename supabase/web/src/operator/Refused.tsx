// What somebody sees at the operators' address who is none.
import { Alert, Title } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";

export const Refused = () => (
  <>
    <Title order={1} size="h2" mb="md">Operator</Title>
    <Alert color="red" variant="light" title="This page is for operators" icon={<IconLock aria-hidden />}>
      Your account has no access to it.
    </Alert>
  </>
);
