// The fields that several actions have, and what they say.
import { NativeSelect, TextInput } from "@mantine/core";
import { wordsOf } from "../usage/features.ts";
import { useFeatures } from "../usage/useFeatures.ts";
import type { Member } from "./reports.ts";

export function FeatureField() {
  const features = useFeatures().data ?? [];
  return (
    <NativeSelect
      name="feature_type"
      label="Feature"
      data={features.map(({ feature_type }) => ({ value: feature_type, label: wordsOf(feature_type).name }))}
    />
  );
}

export const nameOf = ({ email, user_id }: Member): string => email ?? user_id;

export const MemberField = ({ members }: { members: Member[] }) => (
  <NativeSelect
    name="user_id"
    label="Member"
    description="The team's count changes as well"
    required
    data={members.map((member) => ({
      value: member.user_id,
      label: member.is_member ? nameOf(member) : `${nameOf(member)}, has left`,
    }))}
  />
);

interface AmountProps {
  label?: string;
  name?: string;
  min?: number;
  required?: boolean;
  description?: string;
}

export const AmountField = (
  { label = "Amount", name = "amount", min, required = true, description }: AmountProps,
) => (
  <TextInput
    {...{ label, name, min, required, description }}
    type="number"
    step={1}
    w={{ base: "100%", xs: 190 }}
  />
);

/** An instant in the operator's own time zone; empty is none. */
export const TimeField = (
  { name, label, description }: { name: string; label: string; description: string },
) => <TextInput {...{ name, label, description }} type="datetime-local" w={{ base: "100%", xs: 220 }} />;

export const textOf = (form: FormData, name: string): string => String(form.get(name) ?? "");

/** Null if the field is empty, or not shown. */
export function numberIn(form: FormData, name: string): number | null {
  const text = textOf(form, name);
  return text === "" ? null : Number(text);
}

export function instantIn(form: FormData, name: string): string | null {
  const text = textOf(form, name);
  return text === "" ? null : new Date(text).toISOString();
}
