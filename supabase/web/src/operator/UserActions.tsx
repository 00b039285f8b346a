// What an operator can do for a user: grant units, override a limit, correct a count.
import { Tabs } from "@mantine/core";
import { ActionForm } from "./ActionForm.tsx";
import { AmountField, FeatureField, instantIn, numberIn, textOf, TimeField } from "./fields.tsx";
import { OverrideForm } from "./OverrideForm.tsx";

export const UserActions = ({ userId }: { userId: string }) => (
  <Tabs defaultValue="grant" keepMounted={false}>
    <Tabs.List aria-label="Actions" mb="sm">
      <Tabs.Tab value="grant">Grant units</Tabs.Tab>
      <Tabs.Tab value="override">Override a limit</Tabs.Tab>
      <Tabs.Tab value="correct">Correct a count</Tabs.Tab>
    </Tabs.List>
    <Tabs.Panel value="grant">
      <GrantForm userId={userId} />
    </Tabs.Panel>
    <Tabs.Panel value="override">
      <OverrideForm userId={userId} />
    </Tabs.Panel>
    <Tabs.Panel value="correct">
      <CorrectForm userId={userId} />
    </Tabs.Panel>
  </Tabs>
);

const GrantForm = ({ userId }: { userId: string }) => (
  <ActionForm
    userId={userId}
    label="Grant units"
    button="Grant"
    done="The units are granted."
    read={(form) => ({
      action: "grant",
      feature_type: textOf(form, "feature_type"),
      amount: numberIn(form, "amount"),
      expires_at: instantIn(form, "expires_at"),
    })}
  >
    <FeatureField />
    <AmountField min={1} />
    <TimeField name="expires_at" label="Until" description="Empty is for ever" />
  </ActionForm>
);

const CorrectForm = ({ userId }: { userId: string }) => (
  <ActionForm
    userId={userId}
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
