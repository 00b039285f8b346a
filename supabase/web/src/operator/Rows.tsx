// A table of a report, which scrolls by itself on a narrow screen.
import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import { labelFor, type Owner } from "./owner.ts";

interface Props {
  label: string;
  /** Whom it is about, if the page may have the same table for another one. */
  owner?: Owner;
  columns: string[];
  children: ReactNode;
}

export function Rows({ label, owner, columns, children }: Props) {
  const name = `${labelFor(owner, label)}, table`;
  return (
    <Table.ScrollContainer
      minWidth={280}
      scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": name } }}
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
