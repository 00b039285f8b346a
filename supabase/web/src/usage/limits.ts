// What the database says about the signed-in user's limits: the answer of my_limits().
import { z } from "zod";
import { featureStatus, limitCheckResult, userLimits } from "../../../functions/_shared/limitResults.ts";

export const featureLimit = limitCheckResult.extend({ feature_type: z.string() });
export type FeatureLimit = z.infer<typeof featureLimit>;

export const myLimits = z.object({
  plan: userLimits.shape.limits,
  features: z.array(featureLimit),
  /** The price, packs, overage and caps of each feature. */
  status: z.record(z.string(), featureStatus),
});
export type MyLimits = z.infer<typeof myLimits>;
export type Statuses = MyLimits["status"];
export type FeatureStatus = Statuses[string];

/** Codes that are about one feature; any other blocks all of them. */
const OF_ONE_FEATURE = ["LIMIT_EXCEEDED", "RATE_LIMITED", "DENIED"];

/** Why nothing can be used at all, for example that there is no subscription. */
export function denialOf({ features }: MyLimits): FeatureLimit | undefined {
  return features.find(({ allowed, error_code = "" }) => !allowed && !OF_ONE_FEATURE.includes(error_code));
}
