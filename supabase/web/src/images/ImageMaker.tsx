// A prompt, and the image that is made from it.
import {
  AspectRatio,
  Card,
  Center,
  Image,
  Loader,
  NativeSelect,
  Stack,
  Text,
  Textarea,
  Title,
} from "@mantine/core";
import { type FormEvent, useState } from "react";
import { SubmitButton } from "../layout/SubmitButton.tsx";
import { useTextField } from "../layout/useTextField.ts";
import { useUser } from "../session/useSession.tsx";
import { nameOf, useTeams } from "../team/useTeams.ts";
import { FailureMessage } from "../usage/FailureMessage.tsx";
import type { MadeImage, useImage } from "./useImage.ts";

export function ImageMaker({ last, making, make }: ReturnType<typeof useImage>) {
  const prompt = useTextField("Describe the image first.");
  const teams = useTeams(useUser().id).data ?? [];
  const [poolId, setPoolId] = useState("");
  const statusOf = (id?: string) => teams.find(({ pool_id }) => pool_id === id)?.status;
  // The message is about the team of that request, whatever is chosen meanwhile.
  const asked = making.variables?.poolId;

  function submit(event: FormEvent) {
    event.preventDefault();
    if (prompt.check()) make({ prompt: prompt.text.trim(), poolId: statusOf(poolId) && poolId });
  }

  return (
    <Card component="section" withBorder aria-labelledby="images">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <Title order={2} size="h3" id="images">Make an image</Title>
          <Textarea
            label="What should it show?"
            placeholder="A cat on a roof"
            autosize
            minRows={2}
            maxRows={4}
            value={prompt.text}
            onChange={(event) => prompt.setText(event.currentTarget.value)}
            error={prompt.problem}
          />
          {teams.length > 0 && (
            <NativeSelect
              label="Who is it for?"
              description="What is for the team is counted in its plan, not in yours."
              value={poolId}
              data={[
                { value: "", label: "Me" },
                ...teams.map(({ pool_id }, place) => ({ value: pool_id, label: nameOf(place, teams) })),
              ]}
              onChange={(event) => setPoolId(event.currentTarget.value)}
            />
          )}
          <SubmitButton isBusy={making.isPending}>Make the image</SubmitButton>
          <FailureMessage
            failure={making.error}
            team={asked === undefined ? undefined : statusOf(asked) ?? {}}
          />
          <Picture image={last} isPending={making.isPending} />
        </Stack>
      </form>
    </Card>
  );
}

/** Takes the same room with and without an image. */
function Picture({ image, isPending }: { image: MadeImage | undefined; isPending: boolean }) {
  return (
    <AspectRatio ratio={1} maw={320} role="status" aria-label="The image">
      {isPending
        ? (
          <Center bg="var(--mantine-color-default-hover)">
            <Loader aria-label="Making the image" />
          </Center>
        )
        : image
        ? <Image src={image.url} alt={image.prompt} radius="md" />
        : (
          <Center bg="var(--mantine-color-default-hover)" p="md">
            <Text c="dimmed" ta="center">Your image appears here.</Text>
          </Center>
        )}
    </AspectRatio>
  );
}
