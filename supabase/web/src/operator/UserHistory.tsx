// The rules, grants and last entries of the ledger of a user, with who and why; buttons end what has not ended.
import { Skeleton, Table } from "@mantine/core";
import { useState } from "react";
import { ErrorState } from "../layout/ErrorState.tsx";
import { wordsOf } from "../usage/features.ts";
import { dayAndClockOf } from "../usage/time.ts";
import { Grants } from "./Grants.tsx";
import { Part, Small } from "./Part.tsx";
import { type Ending, ReasonDialog } from "./ReasonDialog.tsx";
import { type UserHistoryReport, useUserHistory } from "./reports.ts";
import { Rows } from "./Rows.tsx";
import { ruleText } from "./ruleText.ts";

export function UserHistory({ userId }: { userId: string }) {
  const { data, error } = useUserHistory(userId);
  const [ending, setEnding] = useState<Ending>();
  if (!data) return error ? <ErrorState error={error} what="The history" /> : <Skeleton height={160} />;
  return (
    <>
      <Rules rules={data.rules} onEnd={setEnding} />
      <Grants nothing="This user was granted nothing." grants={data.grants} onVoid={setEnding} />
      <Entries entries={data.entries} />
      <ReasonDialog owner={{ user_id: userId }} ending={ending} onClose={() => setEnding(undefined)} />
    </>
  );
}

function Rules({ rules, onEnd }: { rules: UserHistoryReport["rules"]; onEnd: (ending: Ending) => void }) {
  return (
    <Part title="Rules" nothing={rules.length === 0 && "No limit of this user was overridden."}>
      <Rows label="Rules" columns={["Feature", "Rule", "From", "Until", "Why", "By", "Action"]}>
        {rules.map(({ rule_id, starts_at, ends_at, reason, actor, can_be_ended, ...rule }) => {
          const { name } = wordsOf(rule.feature_type);
          return (
            <Table.Tr key={rule_id}>
              <Table.Td>{name}</Table.Td>
              <Table.Td>{ruleText({ ...rule })}</Table.Td>
              <Table.Td>{starts_at ? dayAndClockOf(starts_at) : "always"}</Table.Td>
              <Table.Td>{ends_at ? dayAndClockOf(ends_at) : "for ever"}</Table.Td>
              <Table.Td>{reason}</Table.Td>
              <Table.Td>{actor}</Table.Td>
              <Table.Td>
                {can_be_ended && (
                  <Small
                    label={`End: ${name}, ${ruleText({ ...rule })}`}
                    onClick={() =>
                      onEnd({
                        title: `End the rule: ${name}, ${ruleText({ ...rule })}`,
                        button: "End the rule",
                        done: "The rule has ended.",
                        action: { action: "end", rule_id },
                      })}
                  >
                    End
                  </Small>
                )}
              </Table.Td>
            </Table.Tr>
          );
        })}
      </Rows>
    </Part>
  );
}

function Entries({ entries }: { entries: UserHistoryReport["entries"] }) {
  return (
    <Part
      title="Ledger"
      nothing={entries.length === 0 && "No entries. A rule “log” for all keeps a ledger of a feature."}
    >
      <Rows label="Ledger" columns={["When", "Feature", "What", "Amount", "Why"]}>
        {entries.map(({ entry_id, at, feature_type, kind, amount, reason }) => (
          <Table.Tr key={entry_id}>
            <Table.Td>{dayAndClockOf(at)}</Table.Td>
            <Table.Td>{wordsOf(feature_type).name}</Table.Td>
            <Table.Td>{kind}</Table.Td>
            <Table.Td>{amount.toLocaleString(undefined, { signDisplay: "exceptZero" })}</Table.Td>
            <Table.Td>{reason}</Table.Td>
          </Table.Tr>
        ))}
      </Rows>
    </Part>
  );
}
