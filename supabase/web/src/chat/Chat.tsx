// A chat box. If the model offers an image, a button makes it.
import { Button, Card, Group, Paper, ScrollArea, Stack, Text, TextInput, Title } from "@mantine/core";
import { type FormEvent, useEffect, useRef } from "react";
import { SubmitButton } from "../layout/SubmitButton.tsx";
import { useTextField } from "../layout/useTextField.ts";
import { FailureMessage } from "../usage/FailureMessage.tsx";
import type { Turn, useChat } from "./useChat.ts";

interface Props extends ReturnType<typeof useChat> {
  onOffer: (imagePrompt: string) => void;
}

export function Chat({ turns, sending, send, onOffer }: Props) {
  const message = useTextField("Write a message first.");
  const viewport = useRef<HTMLDivElement>(null);
  useEffect(() => {
    viewport.current?.scrollTo({ top: viewport.current.scrollHeight });
  }, [turns]);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (message.check()) send(message.text.trim(), () => message.setText(""));
  }

  return (
    <Card component="section" withBorder aria-labelledby="chat">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <Title order={2} size="h3" id="chat">Chat</Title>
          <ScrollArea
            h={260}
            viewportRef={viewport}
            viewportProps={{ tabIndex: 0, role: "log", "aria-label": "Messages" }}
          >
            {turns.length === 0 && <Text c="dimmed">Say something, or ask to draw a cat.</Text>}
            <Stack gap="xs" pr="sm">
              {turns.map((turn, place) => <Exchange key={place} turn={turn} onOffer={onOffer} />)}
            </Stack>
          </ScrollArea>
          <TextInput
            label="Your message"
            value={message.text}
            onChange={(event) => message.setText(event.currentTarget.value)}
            error={message.problem}
          />
          <SubmitButton isBusy={sending.isPending}>Send</SubmitButton>
          <FailureMessage failure={sending.error} />
        </Stack>
      </form>
    </Card>
  );
}

function Exchange({ turn, onOffer }: { turn: Turn; onOffer: Props["onOffer"] }) {
  const { message, reply, imagePrompt } = turn;
  return (
    <>
      <Paper
        bg="indigo.8"
        c="white"
        p="xs"
        radius="md"
        style={{ alignSelf: "end", overflowWrap: "anywhere" }}
      >
        {message}
      </Paper>
      <Paper withBorder p="xs" radius="md" style={{ alignSelf: "start", overflowWrap: "anywhere" }}>
        {reply}
        {imagePrompt && (
          <Group mt="xs">
            <Button size="xs" variant="default" onClick={() => onOffer(imagePrompt)}>Make this image</Button>
          </Group>
        )}
      </Paper>
    </>
  );
}
