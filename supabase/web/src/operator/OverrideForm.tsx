// A rule for one user, one team or its members: another limit, more of it, a block or a cap, from when
// until when.
import { NativeSelect } from "@mantine/core";
import { useState } from "react";
import { ActionForm } from "./ActionForm.tsx";
import { AmountField, FeatureField, instantIn, nameOf, numberIn, textOf, TimeField } from "./fields.tsx";
import type { Owner } from "./owner.ts";
import type { Member } from "./reports.ts";

const EFFECTS = [
  { value: "set", label: "Set the limit" },
  { value: "add", label: "Add to the limit" },
  { value: "cap", label: "Cap" },
  { value: "deny", label: "Block" },
];
/** A member has no limit of their own. */
const EFFECTS_FOR_MEMBERS = EFFECTS.filter(({ value }) => value === "cap" || value === "deny");

const WINDOWS = [
  { value: "period", label: "the feature's own period" },
  { value: "rate", label: "a rate" },
  ...["hour", "day", "week", "month", "year", "total", "billing_week", "billing_month", "billing_year"]
    .map((value) => ({ value, label: value.replace("_", " ") })),
];

const emptyMeans: Record<string, string> = { set: "Empty is unlimited", cap: "Empty lifts the plan's cap" };
const EMPTY_FOR_ONE_MEMBER = "Empty lifts the cap for each member";

const THE_TEAM = "the team";
const EACH = "each member";

/** `members` are those of a team. */
export function OverrideForm({ owner, members }: { owner: Owner; members?: Member[] }) {
  const [whom, setWhom] = useState(THE_TEAM);
  const [chosen, setChosen] = useState("set");
  const [per, setPer] = useState("period");
  const isForMembers = whom !== THE_TEAM;
  const isForEach = whom === EACH;
  const effects = isForMembers ? EFFECTS_FOR_MEMBERS : EFFECTS;
  const effect = effects.some(({ value }) => value === chosen) ? chosen : "cap";
  return (
    <ActionForm
      owner={owner}
      label="Override a limit"
      button="Override"
      done="The limit is overridden."
      read={(form) => ({
        action: "override",
        applies_to: !members ? "user" : isForMembers ? "member" : "pool",
        ...isForMembers && !isForEach && { user_id: whom },
        feature_type: textOf(form, "feature_type"),
        effect,
        amount: numberIn(form, "amount"),
        per: effect === "cap" ? per : "period",
        every: numberIn(form, "every"),
        starts_at: instantIn(form, "starts_at"),
        ends_at: instantIn(form, "ends_at"),
      })}
    >
      {members && (
        <NativeSelect
          label="For"
          data={[
            THE_TEAM,
            EACH,
            ...members.map((member) => ({ value: member.user_id, label: nameOf(member) })),
          ]}
          value={whom}
          onChange={(event) => setWhom(event.currentTarget.value)}
        />
      )}
      <FeatureField />
      <NativeSelect
        label="Effect"
        data={effects}
        value={effect}
        onChange={(event) => setChosen(event.currentTarget.value)}
      />
      {effect !== "deny" && (
        <AmountField
          min={0}
          required={effect === "add" || isForEach}
          description={isForEach ? undefined : isForMembers ? EMPTY_FOR_ONE_MEMBER : emptyMeans[effect]}
        />
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
