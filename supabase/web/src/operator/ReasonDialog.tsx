// Asks for the reason before something of a user or a team ends.
import { Group, Modal } from "@mantine/core";
import { ActionForm } from "./ActionForm.tsx";
import type { Owner } from "./owner.ts";
import type { Action } from "./useAction.ts";

export interface Ending {
  title: string;
  button: string;
  done: string;
  action: Omit<Action, "reason">;
}

interface Props {
  owner: Owner;
  ending: Ending | undefined;
  onClose: () => void;
}

/** Not Mantine's own header, which assistive technology would take for a second banner of the page. */
export const ReasonDialog = ({ owner, ending, onClose }: Props) => (
  <Modal.Root opened={ending !== undefined} onClose={onClose} transitionProps={{ duration: 0 }}>
    <Modal.Overlay />
    <Modal.Content>
      <Modal.Body pt="md">
        {ending && (
          <>
            <Group justify="space-between" wrap="nowrap" mb="sm">
              <Modal.Title fw={600}>{ending.title}</Modal.Title>
              <Modal.CloseButton aria-label="Close" />
            </Group>
            <ActionForm
              owner={owner}
              label={ending.title}
              button={ending.button}
              done={ending.done}
              read={() => ending.action}
              onDone={onClose}
            />
          </>
        )}
      </Modal.Body>
    </Modal.Content>
  </Modal.Root>
);
