// Below a meter: in a team the user's own part; the price of a unit, packs with what is left of them, overage, and
// each cap with its countdown.
import { Text } from "@mantine/core";
import { capText, memberText, overageText, packText, priceText } from "./detailText.ts";
import type { FeatureStatus, Statuses } from "./limits.ts";
import { useNow } from "./useNow.ts";

const SECOND = 1000;

interface Props {
  featureType: string;
  feature: FeatureStatus;
  status: Statuses;
}

export function Details({ featureType, feature, status }: Props) {
  const { grants, caps, period } = feature;
  const now = useNow(SECOND);
  const lines: [key: string, text: string | undefined][] = [
    ["member", memberText(featureType, feature)],
    ["price", priceText(featureType, feature, status)],
    ...grants.map((grant) => [grant.grant_id, packText(featureType, grant)] as [string, string]),
    ["overage", overageText(featureType, feature)],
    ...caps.map((cap) =>
      [`${cap.scope} ${cap.per} ${cap.every}`, capText(featureType, cap, period, now)] as [string, string]
    ),
  ];
  return lines.map(([key, text]) => text && <Text key={key} size="sm" mt={4}>{text}</Text>);
}
