// How much of each feature all users have used: per day of the last 30, and per month of the last 12.
import { SimpleGrid, Title } from "@mantine/core";
import { UsageChart } from "../charts/UsageChart.tsx";
import { wordsOf } from "../usage/features.ts";
import { Panel } from "./Panel.tsx";
import { useUsageByPeriod } from "./reports.ts";

const HEIGHT = 240;

export function UsageByPeriod() {
  return (
    <Panel title="Usage of all users" query={useUsageByPeriod()} height={HEIGHT + 120}>
      {({ daily, monthly }) => (
        <>
          <Title order={3} size="h5">Per day</Title>
          <UsageChart
            label="Usage per day"
            rows={daily.map(flat)}
            features={namesOf(daily)}
            height={HEIGHT}
          />
          <SimpleGrid cols={{ base: 1, sm: 2 }} mt="lg">
            {namesOf(monthly).map((name) => (
              <div key={name}>
                <Title order={3} size="h5">{wordsOf(name).name} per month</Title>
                <UsageChart
                  label={`${wordsOf(name).name} per month`}
                  rows={monthly.map(flat)}
                  features={[name]}
                  height={HEIGHT}
                />
              </div>
            ))}
          </SimpleGrid>
        </>
      )}
    </Panel>
  );
}

type Period = { period: string; usage: Record<string, number> };

const flat = ({ period, usage }: Period) => ({ ...usage, period });
const namesOf = (periods: Period[]) => Object.keys(periods[0]?.usage ?? {});
