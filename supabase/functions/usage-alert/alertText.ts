// What the mail of an alert says. Of the same alert it is always the same, as the Idempotency-Key demands.
import type { Alert } from "./alerts.ts";

const words: Record<string, string> = {
  image_generation: "images",
  chat: "chat messages",
  therai_calls: "@therai calls",
  voice_seconds: "voice seconds",
  insights: "insights",
};

export function alertText(alert: Alert): { subject: string; text: string } {
  const { feature_type, kind, threshold, usage, limit_value, period } = alert;
  // One that was added with add_feature is called by its own name.
  const whose = alert.user_id ? "Your" : "Your team's";
  const who = alert.user_id ? "You have" : "Your team has";
  const what = Object.hasOwn(words, feature_type) ? words[feature_type] : feature_type.replaceAll("_", " ");
  if (kind === "low") {
    return {
      subject: `${whose} ${what} are running low`,
      text: `${who} fewer than ${threshold} ${what} left.`,
    };
  }
  return {
    subject: `${who} used ${threshold}% of ${alert.user_id ? "your" : "its"} ${what}`,
    text: `${who} used ${usage} of ${limit_value} ${what} (${period}).`,
  };
}
