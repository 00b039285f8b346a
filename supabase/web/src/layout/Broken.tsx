// What is left if the page itself has a mistake, or finds a damaged session in the browser.
import { Alert, Button, Container, Group } from "@mantine/core";
import { endSession } from "../server/endSession.ts";

export const Broken = () => (
  <Container size="xs" py="xl">
    <Alert color="red" variant="light" title="Something went wrong on this page">
      Reload the page. Nothing that you have used is lost. If that does not help, sign in again.
      <Group mt="sm" gap="xs">
        <Button size="xs" variant="default" onClick={() => location.reload()}>Reload</Button>
        <Button size="xs" variant="default" onClick={() => endSession().finally(() => location.reload())}>
          Sign out
        </Button>
      </Group>
    </Alert>
  </Container>
);
