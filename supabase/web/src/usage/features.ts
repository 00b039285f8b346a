// How features are called on the page, and how their amounts are written.

interface Words {
  name: string;
  one: string;
  many: string;
}

const words: Record<string, Words> = {
  image_generation: { name: "Images", one: "image", many: "images" },
  chat: { name: "Chat messages", one: "message", many: "messages" },
  therai_calls: { name: "@therai calls", one: "call", many: "calls" },
  voice_seconds: { name: "Voice", one: "second", many: "seconds" },
  insights: { name: "Insights", one: "insight", many: "insights" },
  credits: { name: "Credits", one: "credit", many: "credits" },
};

/** The words of a feature. One that was added with add_feature is shown by its own name. */
export function wordsOf(featureType: string): Words {
  const name = featureType.replaceAll("_", " ");
  if (Object.hasOwn(words, featureType)) return words[featureType]!;
  return { name: name[0]?.toUpperCase() + name.slice(1), one: name, many: name };
}

/** An amount with its unit: "3 images", "1 min 37 s". */
export function amountOf(featureType: string, amount: number): string {
  const { one, many } = wordsOf(featureType);
  return isDuration(featureType)
    ? duration(amount)
    : `${amount.toLocaleString()} ${amount === 1 ? one : many}`;
}

/** An amount with what it is of, if the unit does not say so: "100 images", "60 min of voice". */
export function goodsOf(featureType: string, amount: number): string {
  const goods = amountOf(featureType, amount);
  return isDuration(featureType) ? `${goods} of ${wordsOf(featureType).name.toLowerCase()}` : goods;
}

/** One unit in a sentence: "an image", "a message". */
export function oneOf(featureType: string): string {
  const { one } = wordsOf(featureType);
  return `${/^[aeiou]/.test(one) ? "an" : "a"} ${one}`;
}

/** An amount beside one that has the unit: the 1 of "1 of 3 images". */
export const numberOf = (featureType: string, amount: number): string =>
  isDuration(featureType) ? duration(amount) : amount.toLocaleString();

const isDuration = (featureType: string) => featureType === "voice_seconds";

function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const rest = seconds % 60;
  if (minutes === 0) return `${rest} s`;
  return rest === 0 ? `${minutes.toLocaleString()} min` : `${minutes.toLocaleString()} min ${rest} s`;
}

const kinds: [key: RegExp, kind: string][] = [
  [/^\d{4}-\d\d-\d\dT\d\d$/, "hour"],
  [/^\d{4}-\d\d-\d\d$/, "day"],
  [/^\d{4}-W\d\d$/, "week"],
  [/^\d{4}-\d\d$/, "month"],
  [/^\d{4}$/, "year"],
  [/\/P1W$/, "billing_week"],
  [/\/P1M$/, "billing_month"],
  [/\/P1Y$/, "billing_year"],
];

/** The kind of a period key: 2025-02-10 is a day, 2025-02 a month, 2025-01-31/P1M a billing month. */
export function kindOf(period: string): string {
  return kinds.find(([key]) => key.test(period))?.[1] ?? "total";
}

/** What follows an amount: "per day", "per billing month", "in total". */
export function perKind(kind: string): string {
  return kind === "total" ? "in total" : `per ${kind.replace("_", " ")}`;
}
