// The button of a form. It stays enabled while it works, so that the focus of the keyboard is not lost.
import { Button, Loader } from "@mantine/core";

export const SubmitButton = ({ isBusy, children }: { isBusy: boolean; children: string }) => (
  <Button
    type="submit"
    aria-disabled={isBusy}
    leftSection={isBusy ? <Loader size={14} color="currentColor" aria-hidden /> : undefined}
    style={{ alignSelf: "start" }}
  >
    {children}
  </Button>
);
