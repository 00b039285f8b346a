// While the session is read or renewed: nothing to see at first, then why it takes so long.
import { Alert, Center, Container, Loader } from "@mantine/core";
import { useInterval, useTimeout } from "@mantine/hooks";
import { useState } from "react";
import { supabase } from "../server/supabase.ts";

const PATIENCE_MS = 3000;
const AGAIN_MS = 5000;

export function Waiting() {
  const [isLong, setIsLong] = useState(false);
  useTimeout(() => setIsLong(true), PATIENCE_MS, { autoInvoke: true });
  // Renews the session, if Auth answers again.
  useInterval(() => void supabase.auth.getSession(), AGAIN_MS, { autoInvoke: true });
  return (
    <Container component="main" size="xs" py="xl">
      {isLong
        ? <Alert color="orange" variant="light" title="The server does not answer. Trying again…" />
        : (
          <Center>
            <Loader aria-label="Loading" />
          </Center>
        )}
    </Container>
  );
}
