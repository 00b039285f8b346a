// What an operator can do for a user or a team: grant units, override a limit, correct a count.
import { Tabs } from "@mantine/core";
import { ActionForm } from "./ActionForm.tsx";
import { AmountField, FeatureField, MemberField, numberIn, textOf } from "./fields.tsx";
import { GrantForm } from "./GrantForm.tsx";
import { OverrideForm } from "./OverrideForm.tsx";
import type { Owner } from "./owner.ts";
import type { Member } from "./reports.ts";

interface Props {
  owner: Owner;
  /** Of a team, those who are members and those who have left. */
  members?: Member[];
}

export const OwnerActions = ({ owner, members }: Props) => (
  <Tabs defaultValue="grant" keepMounted={false}>
    <Tabs.List aria-label="Actions" mb="sm">
      <Tabs.Tab value="grant">Grant units</Tabs.Tab>
      <Tabs.Tab value="override">Override a limit</Tabs.Tab>
      <Tabs.Tab value="correct">Correct a count</Tabs.Tab>
    </Tabs.List>
    <Tabs.Panel value="grant">
      <GrantForm owner={owner} />
    </Tabs.Panel>
    <Tabs.Panel value="override">
      <OverrideForm owner={owner} members={members?.filter(({ is_member }) => is_member)} />
    </Tabs.Panel>
    <Tabs.Panel value="correct">
      <CorrectForm owner={owner} members={members} />
    </Tabs.Panel>
  </Tabs>
);

const CorrectForm = ({ owner, members }: Props) => (
  <ActionForm
    owner={owner}
    label="Correct a count"
    button="Correct"
    done="The count is corrected."
    read={(form) => ({
      action: "correct",
      ...members && { user_id: textOf(form, "user_id") },
      feature_type: textOf(form, "feature_type"),
      amount: numberIn(form, "amount"),
    })}
  >
    {members && <MemberField members={members} />}
    <FeatureField />
    <AmountField label="Add to the count" description="Negative takes from it" />
  </ActionForm>
);
