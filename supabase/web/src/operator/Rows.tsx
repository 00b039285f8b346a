// A table of a report, which scrolls by itself on a narrow screen.
import { Table } from "@mantine/core";
import type { ReactNode } from "react";

export function Rows(
  { label, columns, children }: { label: string; columns: string[]; children: ReactNode },
) {
  return (
    <Table.ScrollContainer
      minWidth={280}
      scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": `${label}, table` } }}
    >
      <Table horizontalSpacing={6} fz="sm">
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => <Table.Th scope="col" key={column}>{column}</Table.Th>)}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
