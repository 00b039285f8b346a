// A form of something that an operator does for a user or a team: its own fields, a reason, and what came of it.
import { Group, Stack, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { type FormEvent, type ReactNode, useState } from "react";
import { SubmitButton } from "../layout/SubmitButton.tsx";
import { useOneAtATime } from "../server/useOneAtATime.ts";
import { FailureMessage } from "../usage/FailureMessage.tsx";
import { labelFor, type Owner } from "./owner.ts";
import { type Action, useAction } from "./useAction.ts";

interface Props {
  owner: Owner;
  label: string;
  button: string;
  /** What is said after it is done. */
  done: string;
  children?: ReactNode;
  /** The action that the fields describe, without the reason. */
  read: (form: FormData) => Omit<Action, "reason">;
  onDone?: () => void;
}

export function ActionForm({ owner, label, button, done, children, read, onDone }: Props) {
  // A new key empties the fields.
  const [round, setRound] = useState(0);
  const acting = useAction(owner);
  const act = useOneAtATime(acting);

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    act({ ...read(form), reason: String(form.get("reason")).trim() } as Action, () => {
      notifications.show({ message: done, role: "status", closeButtonProps: { "aria-label": "Close" } });
      setRound(round + 1);
      onDone?.();
    });
  }

  return (
    <form onSubmit={submit} key={round} aria-label={labelFor(owner, label)}>
      <Stack gap="sm">
        {children && <Group align="end" gap="sm">{children}</Group>}
        <TextInput
          name="reason"
          label="Reason"
          description="For other operators; the user does not see it."
          required
          pattern=".*\S.*"
          title="Say why"
          maxLength={500}
          data-autofocus
        />
        <SubmitButton isBusy={acting.isPending}>{button}</SubmitButton>
        <FailureMessage failure={acting.error} />
      </Stack>
    </form>
  );
}
