// The users who are near or over a limit in the current periods.
import { Badge, Table } from "@mantine/core";
import { useState } from "react";
import { amountOf, numberOf, wordsOf } from "../usage/features.ts";
import { Pages, Panel } from "./Panel.tsx";
import { useNearLimit } from "./reports.ts";
import { Rows } from "./Rows.tsx";

export function NearLimit() {
  const [page, setPage] = useState(0);
  const report = useNearLimit(page);
  return (
    <Panel
      title="Near or over a limit"
      query={report}
      height={360}
      empty={({ rows }) => page === 0 ? nothing(rows.length) : undefined}
    >
      {({ rows, more }) => (
        <>
          <Rows label="Near or over a limit" columns={["User", "Feature", "Used"]}>
            {rows.map(({ user_id, email, plan_id, feature_type, used, limit }) => (
              <Table.Tr key={`${user_id} ${feature_type}`}>
                <Table.Td>
                  {email ?? user_id} <Badge variant="default" size="sm">{plan_id}</Badge>
                </Table.Td>
                <Table.Td>{wordsOf(feature_type).name}</Table.Td>
                <Table.Td c={used >= limit ? "red" : undefined}>
                  {numberOf(feature_type, used)} of {amountOf(feature_type, limit)}
                </Table.Td>
              </Table.Tr>
            ))}
          </Rows>
          <Pages page={page} more={more} isTurning={report.isPlaceholderData} onTurn={setPage} />
        </>
      )}
    </Panel>
  );
}

const nothing = (rows: number) =>
  rows === 0 ? "Nobody has used 80% or more of a limit in the current day or month." : undefined;
