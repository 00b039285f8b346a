// Grants units to a user or a team.
import { ActionForm } from "./ActionForm.tsx";
import { AmountField, FeatureField, instantIn, numberIn, textOf, TimeField } from "./fields.tsx";
import type { Owner } from "./owner.ts";

export const GrantForm = ({ owner }: { owner: Owner }) => (
  <ActionForm
    owner={owner}
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
