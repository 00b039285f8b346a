// What an operator can do for a user: grant units, override a limit, correct a count.
import { Tabs } from "@mantine/core";
import { ActionForm } from "./ActionForm.tsx";
import { AmountField, FeatureField, numberIn, textOf } from "./fields.tsx";
import { GrantForm } from "./GrantForm.tsx";
import { OverrideForm } from "./OverrideForm.tsx";

export const UserActions = ({ userId }: { userId: string }) => (
  <Tabs defaultValue="grant" keepMounted={false}>
    <Tabs.List aria-label="Actions" mb="sm">
      <Tabs.Tab value="grant">Grant units</Tabs.Tab>
      <Tabs.Tab value="override">Override a limit</Tabs.Tab>
      <Tabs.Tab value="correct">Correct a count</Tabs.Tab>
    </Tabs.List>
    <Tabs.Panel value="grant">
      <GrantForm owner={{ user_id: userId }} />
    </Tabs.Panel>
    <Tabs.Panel value="override">
      <OverrideForm userId={userId} />
    </Tabs.Panel>
    <Tabs.Panel value="correct">
      <CorrectForm userId={userId} />
    </Tabs.Panel>
  </Tabs>
);

const CorrectForm = ({ userId }: { userId: string }) => (
  <ActionForm
    owner={{ user_id: userId }}
    label="Correct a count"
    button="Correct"
    done="The count is corrected."
    read={(form) => ({
      action: "correct",
      feature_type: textOf(form, "feature_type"),
      amount: numberIn(form, "amount"),
    })}
  >
    <FeatureField />
    <AmountField label="Add to the count" description="Negative takes from it" />
  </ActionForm>
);
