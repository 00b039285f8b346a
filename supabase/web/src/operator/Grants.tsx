// The newest grants of a user or a team, with who and why; buttons void what has not ended.
import { Table } from "@mantine/core";
import { amountOf, numberOf, wordsOf } from "../usage/features.ts";
import { dayAndClockOf } from "../usage/time.ts";
import { isTeam, type Owner } from "./owner.ts";
import { Part, Small } from "./Part.tsx";
import type { Ending } from "./ReasonDialog.tsx";
import type { HistoryReport } from "./reports.ts";
import { Rows } from "./Rows.tsx";

interface Props {
  owner: Owner;
  grants: HistoryReport["grants"];
  onVoid: (ending: Ending) => void;
}

export function Grants({ owner, grants, onVoid }: Props) {
  const nothing = `This ${isTeam(owner) ? "team" : "user"} was granted nothing.`;
  return (
    <Part title="Grants" nothing={grants.length === 0 && nothing}>
      <Rows label="Grants" owner={owner} columns={["Feature", "Used", "Until", "For", "Why", "By", "Action"]}>
        {grants.map(({ grant_id, feature_type, amount, used, source_ref, ...grant }) => {
          const units = amountOf(feature_type, amount);
          return (
            <Table.Tr key={grant_id}>
              <Table.Td>{wordsOf(feature_type).name}</Table.Td>
              <Table.Td>{numberOf(feature_type, used)} of {units}</Table.Td>
              <Table.Td>
                {grant.voided_at
                  ? `voided ${dayAndClockOf(grant.voided_at)}`
                  : grant.expires_at
                  ? dayAndClockOf(grant.expires_at)
                  : "for ever"}
              </Table.Td>
              <Table.Td>{source_ref}</Table.Td>
              <Table.Td>{grant.reason}</Table.Td>
              <Table.Td>{grant.actor}</Table.Td>
              <Table.Td>
                {grant.can_be_voided && (
                  <Small
                    label={`Void: ${units}, ${source_ref}`}
                    onClick={() =>
                      onVoid({
                        title: `Void the grant of ${units}`,
                        button: "Void the grant",
                        done: "The grant is void.",
                        action: { action: "void", feature_type, source_ref },
                      })}
                  >
                    Void
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
