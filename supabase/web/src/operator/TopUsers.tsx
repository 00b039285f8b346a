// The users who have used most of a feature in its current period.
import { NativeSelect, Table } from "@mantine/core";
import { useState } from "react";
import { amountOf, wordsOf } from "../usage/features.ts";
import { useFeatures } from "../usage/useFeatures.ts";
import { Pages, Panel } from "./Panel.tsx";
import { useTopUsers } from "./reports.ts";
import { Rows } from "./Rows.tsx";

export function TopUsers() {
  const [featureType, setFeatureType] = useState("image_generation");
  const [page, setPage] = useState(0);
  const report = useTopUsers(featureType, page);
  const features = useFeatures().data?.map(({ feature_type }) => feature_type) ?? [featureType];
  const select = (
    <NativeSelect
      aria-label="Feature"
      size="xs"
      value={featureType}
      data={features.map((value) => ({ value, label: wordsOf(value).name }))}
      onChange={(event) => {
        setFeatureType(event.currentTarget.value);
        setPage(0);
      }}
    />
  );
  return (
    <Panel
      title="Top users"
      query={report}
      height={360}
      controls={select}
      empty={({ rows }) => page === 0 ? nothing(rows.length) : undefined}
    >
      {({ feature_type, rows, more }) => (
        <>
          <Rows label="Top users" columns={["User", "Plan", "Used"]}>
            {rows.map(({ user_id, email, plan_id, used }) => (
              <Table.Tr key={user_id}>
                <Table.Td>{email ?? user_id}</Table.Td>
                <Table.Td>{plan_id}</Table.Td>
                <Table.Td>{amountOf(feature_type, used)}</Table.Td>
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
  rows === 0 ? "Nobody has used this feature yet in the current day or month." : undefined;
