// Whose usage something is about: a user's or a team's, which the database calls a pool.
export type Owner = { user_id: string } | { pool_id: string };

export const isTeam = (owner: Owner): owner is { pool_id: string } => "pool_id" in owner;

/** A label of something that may be on the page once more, for another team. */
export const labelFor = (owner: Owner | undefined, label: string): string =>
  owner && isTeam(owner) ? `${label}, team ${owner.pool_id}` : label;
