// The page of a user: meters, those of their teams, an image, a chat, and the last 30 days.
import { SimpleGrid, Stack, Title, VisuallyHidden } from "@mantine/core";
import { Chat } from "../chat/Chat.tsx";
import type { useChat } from "../chat/useChat.ts";
import { History } from "../history/History.tsx";
import { ImageMaker } from "../images/ImageMaker.tsx";
import type { useImage } from "../images/useImage.ts";
import { Teams } from "../team/Teams.tsx";
import { Meters } from "./Meters.tsx";

interface Props {
  image: ReturnType<typeof useImage>;
  chat: ReturnType<typeof useChat>;
}

export function UsagePage({ image, chat }: Props) {
  return (
    <Stack gap="lg">
      <VisuallyHidden>
        <Title order={1}>Your usage</Title>
      </VisuallyHidden>
      <Meters />
      <Teams />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <ImageMaker {...image} />
        <Chat {...chat} onOffer={(prompt) => image.make({ prompt })} />
      </SimpleGrid>
      <History />
    </Stack>
  );
}
