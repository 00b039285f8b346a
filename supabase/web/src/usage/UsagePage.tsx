// The page of a user: meters, an image, a chat, and the last 30 days.
import { SimpleGrid, Stack, Title, VisuallyHidden } from "@mantine/core";
import { useState } from "react";
import { Chat } from "../chat/Chat.tsx";
import { History } from "../history/History.tsx";
import { ImageMaker } from "../images/ImageMaker.tsx";
import { useImage } from "../images/useImage.ts";
import { useUser } from "../session/useSession.tsx";
import { Meters } from "./Meters.tsx";

export function UsagePage() {
  const [chatId] = useState(() => crypto.randomUUID());
  const image = useImage(useUser().id, chatId);
  return (
    <Stack gap="lg">
      <VisuallyHidden>
        <Title order={1}>Your usage</Title>
      </VisuallyHidden>
      <Meters />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <ImageMaker {...image} />
        <Chat chatId={chatId} onOffer={image.make} />
      </SimpleGrid>
      <History />
    </Stack>
  );
}
