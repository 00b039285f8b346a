// A rule for one user: another limit, more of it, a block or a cap, from when until when.
import { NativeSelect } from "@mantine/core";
import { useState } from "react";
import { ActionForm } from "./ActionForm.tsx";
import { AmountField, FeatureField, instantIn, numberIn, textOf, TimeField } from "./fields.tsx";

const EFFECTS = [
  { value: "set", label: "Set the limit" },
  { value: "add", label: "Add to the limit" },
  { value: "cap", label: "Cap" },
  { value: "deny", label: "Block" },
];

const WINDOWS = [
  { value: "period", label: "the feature's own period" },
  { value: "rate", label: "a rate" },
  ...["hour", "day", "week", "month", "year", "total", "billing_week", "billing_month", "billing_year"]
    .map((value) => ({ value, label: value.replace("_", " ") })),
];

const emptyMeans: Record<string, string> = { set: "Empty is unlimited", cap: "Empty lifts the plan's cap" };

export function OverrideForm({ userId }: { userId: string }) {
  const [effect, setEffect] = useState("set");
  const [per, setPer] = useState("period");
  return (
    <ActionForm
      owner={{ user_id: userId }}
      label="Override a limit"
      button="Override"
      done="The limit is overridden."
      read={(form) => ({
        action: "override",
        feature_type: textOf(form, "feature_type"),
        effect,
        amount: numberIn(form, "amount"),
        per: effect === "cap" ? per : "period",
        every: numberIn(form, "every"),
        starts_at: instantIn(form, "starts_at"),
        ends_at: instantIn(form, "ends_at"),
      })}
    >
      <FeatureField />
      <NativeSelect
        label="Effect"
        data={EFFECTS}
        value={effect}
        onChange={(event) => setEffect(event.currentTarget.value)}
      />
      {effect !== "deny" && (
        <AmountField min={0} required={effect === "add"} description={emptyMeans[effect]} />
      )}
      {effect === "cap" && (
        <NativeSelect
          label="Per"
          data={WINDOWS}
          value={per}
          onChange={(event) => setPer(event.currentTarget.value)}
        />
      )}
      {effect === "cap" && per === "rate" && <AmountField name="every" label="Seconds to refill" min={1} />}
      <TimeField name="starts_at" label="From" description="Empty is now" />
      <TimeField name="ends_at" label="Until" description="Empty is for ever" />
    </ActionForm>
  );
}
