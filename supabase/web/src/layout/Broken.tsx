// What is left if the page itself has a mistake.
import { Alert, Button, Container } from "@mantine/core";

export const Broken = () => (
  <Container size="xs" py="xl">
    <Alert color="red" variant="light" title="Something went wrong on this page">
      Reload the page. Nothing that you have used is lost.
      <div>
        <Button mt="sm" size="xs" variant="default" onClick={() => location.reload()}>Reload</Button>
      </div>
    </Alert>
  </Container>
);
