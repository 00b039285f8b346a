// What is left if the page itself has a mistake.
import { Alert, Button, Container } from "@mantine/core";

export const Broken = () => (
  <Container size="xs" py="xl">
    <Alert color="red" variant="light" title="Something went wrong on this page">
      What you have used is counted on the server, and is not lost.
      <div>
        <Button mt="sm" size="xs" variant="default" onClick={() => location.reload()}>Load it again</Button>
      </div>
    </Alert>
  </Container>
);
