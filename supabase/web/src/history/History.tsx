// The last 30 days as a chart, and as a table for whoever does not see the chart.
import { Card, Skeleton, Text, Title } from "@mantine/core";
import { ErrorState } from "../layout/ErrorState.tsx";
import { useUser } from "../session/useSession.tsx";
import { useFeatures } from "../usage/useFeatures.ts";
import { UsageChart } from "../charts/UsageChart.tsx";
import { useHistory } from "./useHistory.ts";

const HEIGHT = 260;

export function History() {
  const features = useFeatures();
  const daily = features.data?.filter(({ period }) => period === "day");
  const history = useHistory(useUser().id, daily);
  return (
    <Card component="section" withBorder aria-labelledby="history">
      <Title order={2} size="h3" id="history">The last 30 days</Title>
      <Text size="sm" c="dimmed" mb="sm">
        Days begin at midnight UTC. Only features with a daily limit are shown.
      </Text>
      <Content days={history.data} daily={daily} error={features.error ?? history.error} />
    </Card>
  );
}

interface Props {
  days: ReturnType<typeof useHistory>["data"];
  daily: ReturnType<typeof useFeatures>["data"];
  error: unknown;
}

function Content({ days, daily, error }: Props) {
  if (!days || !daily) {
    return error ? <ErrorState error={error} what="Your history" /> : <Skeleton height={HEIGHT} />;
  }
  const names = daily.map(({ feature_type }) => feature_type);
  if (days.every((day) => names.every((name) => !day[name]))) {
    return (
      <Text mih={HEIGHT} c="dimmed">You have not used anything yet. Make an image, and it appears here.</Text>
    );
  }
  return <UsageChart label="Usage of the last 30 days" rows={days} features={names} height={HEIGHT} />;
}
