// Signing in and signing up with an email address and a password.
import { Alert, Anchor, Card, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { type AuthError, isAuthRetryableFetchError } from "@supabase/supabase-js";
import { type FormEvent, useState } from "react";
import { SubmitButton } from "../layout/SubmitButton.tsx";
import { supabase } from "../server/supabase.ts";
import { useSession } from "./useSession.tsx";

const sentences: Record<string, string> = {
  invalid_credentials: "The email address or the password is wrong.",
  user_already_exists: "There is an account with this email address. Sign in instead.",
  weak_password: "Choose a password of at least 6 characters.",
  over_request_rate_limit: "Too many attempts. Wait a minute, then try again.",
};

function sentenceFor(error: AuthError): string {
  if (isAuthRetryableFetchError(error)) return "The server does not answer. Try again in a moment.";
  return sentences[error.code ?? ""] ?? error.message;
}

export function SignIn() {
  const { wasSignedIn } = useSession();
  const [isNew, setIsNew] = useState(false);
  const [isBusy, setIsBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [mailSentTo, setMailSentTo] = useState<string>();

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isBusy) return;
    const form = new FormData(event.currentTarget);
    const credentials = { email: String(form.get("email")).trim(), password: String(form.get("password")) };
    setIsBusy(true);
    setProblem(undefined);
    const { data, error } = isNew
      ? await supabase.auth.signUp(credentials)
      : await supabase.auth.signInWithPassword(credentials);
    setIsBusy(false);
    if (error) setProblem(sentenceFor(error));
    // Where addresses are confirmed by mail, there is no session yet.
    else if (!data.session) setMailSentTo(credentials.email);
  }

  return (
    <Card component="main" withBorder padding="xl" maw={420} mx="auto" mt={{ base: "md", sm: 80 }} w="100%">
      <form onSubmit={submit}>
        <Stack>
          <Title order={1} size="h2">{isNew ? "Create an account" : "Sign in"}</Title>
          <Text c="dimmed">See what your plan includes, and how much of it you have used.</Text>
          {problem && <Alert color="red" variant="light" title={problem} />}
          {wasSignedIn && !problem && (
            <Alert color="blue" variant="light" title="You are signed out. Sign in to go on." />
          )}
          {mailSentTo && (
            <Alert
              color="green"
              variant="light"
              role="status"
              title={`Follow the link in the mail to ${mailSentTo}.`}
            />
          )}
          <TextInput
            name="email"
            type="email"
            label="Email address"
            autoComplete="username"
            required
            withAsterisk={false}
          />
          <PasswordInput
            name="password"
            label="Password"
            autoComplete={isNew ? "new-password" : "current-password"}
            required
            withAsterisk={false}
          />
          <SubmitButton isBusy={isBusy}>{isNew ? "Create the account" : "Sign in"}</SubmitButton>
          <Anchor
            component="button"
            type="button"
            size="sm"
            onClick={() => {
              setIsNew(!isNew);
              setProblem(undefined);
            }}
          >
            {isNew ? "I have an account" : "I have no account yet"}
          </Anchor>
        </Stack>
      </form>
    </Card>
  );
}
