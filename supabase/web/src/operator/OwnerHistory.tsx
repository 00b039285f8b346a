// The rules, grants and last entries of the ledger of a user or a team, with who and why; buttons end
// what has not ended.
import { Skeleton, Table } from "@mantine/core";
import { useState } from "react";
import { ErrorState } from "../layout/ErrorState.tsx";
import { wordsOf } from "../usage/features.ts";
import { dayAndClockOf } from "../usage/time.ts";
import { Grants } from "./Grants.tsx";
import { isTeam, type Owner } from "./owner.ts";
import { Part, Small } from "./Part.tsx";
import { type Ending, ReasonDialog } from "./ReasonDialog.tsx";
import { type HistoryReport, useHistoryOf } from "./reports.ts";
import { Rows } from "./Rows.tsx";
import { ruleText } from "./ruleText.ts";

export function OwnerHistory({ owner }: { owner: Owner }) {
  const { data, error } = useHistoryOf(owner);
  const [ending, setEnding] = useState<Ending>();
  if (!data) return error ? <ErrorState error={error} what="The history" /> : <Skeleton height={160} />;
  const { rules, grants, entries } = data;
  return (
    <>
      <Rules owner={owner} rules={rules} onEnd={setEnding} />
      <Grants owner={owner} grants={grants} onVoid={setEnding} />
      <Entries owner={owner} entries={entries} />
      <ReasonDialog owner={owner} ending={ending} onClose={() => setEnding(undefined)} />
    </>
  );
}

interface RulesProps {
  owner: Owner;
  rules: HistoryReport["rules"];
  onEnd: (ending: Ending) => void;
}

function Rules({ owner, rules, onEnd }: RulesProps) {
  const nothing = `No limit of this ${isTeam(owner) ? "team" : "user"} was overridden.`;
  return (
    <Part title="Rules" nothing={rules.length === 0 && nothing}>
      <Rows
        label="Rules"
        owner={owner}
        columns={["Feature", "Rule", "From", "Until", "Why", "By", "Action"]}
      >
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

function Entries({ owner, entries }: { owner: Owner; entries: HistoryReport["entries"] }) {
  return (
    <Part
      title="Ledger"
      nothing={entries.length === 0 && "No entries. A rule “log” for all keeps a ledger of a feature."}
    >
      <Rows
        label="Ledger"
        owner={owner}
        columns={["When", ...isTeam(owner) ? ["Who"] : [], "Feature", "What", "Amount", "Why"]}
      >
        {entries.map(({ entry_id, at, member, feature_type, kind, amount, reason }) => (
          <Table.Tr key={entry_id}>
            <Table.Td>{dayAndClockOf(at)}</Table.Td>
            {isTeam(owner) && <Table.Td>{member ?? "the team"}</Table.Td>}
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
