// Usage over periods: stacked bars, and the same numbers as a table that can be opened.
import { BarChart } from "@mantine/charts";
import { Table } from "@mantine/core";
import { kindOf, numberOf, wordsOf } from "../usage/features.ts";
import { periodName } from "../usage/time.ts";

interface Props {
  label: string;
  /** One row per period, oldest first: its key, and the amount of each feature. */
  rows: ({ period: string } & Record<string, number | string>)[];
  features: string[];
  height: number;
}

// Apart from each other for most people who do not see all colours, on light and on dark.
const COLORS = ["indigo.6", "orange.5", "teal.6", "grape.5", "yellow.5"];

export function UsageChart({ label, rows, features, height }: Props) {
  // Features have units of their own, so only a chart of one has a unit.
  const only = features.length === 1 ? features[0] : undefined;
  const data = rows.map((row) => ({ ...row, label: shortName(row.period) }));
  const series = features.map((name, place) => ({
    name,
    label: wordsOf(name).name,
    color: COLORS[place % COLORS.length] ?? "indigo.6",
  }));
  return (
    <>
      <div role="img" aria-label={`${label}; the table below has its numbers`}>
        <BarChart
          h={height}
          data={data}
          dataKey="label"
          type="stacked"
          series={series}
          withLegend
          valueFormatter={(value) => only ? numberOf(only, value) : value.toLocaleString()}
          barChartProps={{ accessibilityLayer: false }}
          barProps={{ isAnimationActive: false }}
        />
      </div>
      <details style={{ marginTop: "var(--mantine-spacing-sm)" }}>
        <summary>{label} as a table</summary>
        <Table.ScrollContainer minWidth={300} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">Period</Table.Th>
                {features.map((name) => <Table.Th scope="col" key={name}>{wordsOf(name).name}</Table.Th>)}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row) => (
                <Table.Tr key={row.period}>
                  <Table.Th scope="row">{longName(row.period)}</Table.Th>
                  {features.map((name) => (
                    <Table.Td key={name}>{numberOf(name, Number(row[name] ?? 0))}</Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </details>
    </>
  );
}

function shortName(period: string): string {
  return kindOf(period) === "day"
    ? periodName(period, { day: "numeric", month: "short" })
    : periodName(period, { month: "short", year: "2-digit" });
}

const longName = (period: string) =>
  periodName(period, kindOf(period) === "day" ? { dateStyle: "medium" } : { month: "long", year: "numeric" });
