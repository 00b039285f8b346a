// The environment of the edge functions.

/** A variable that must be set. An empty secret would be one that everybody knows. */
export function setting(name: string): string {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`${name} is not set`);
  return value;
}
