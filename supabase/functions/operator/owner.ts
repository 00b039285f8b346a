// Whom a request is about: a user or a team, which the database calls a pool.
import { HttpError, uuid } from "../_shared/http.ts";

export const owner = { user_id: uuid.optional(), pool_id: uuid.optional() };

export const isOne = ({ user_id, pool_id }: { user_id?: string; pool_id?: string }) =>
  (user_id === undefined) !== (pool_id === undefined);

export const NOT_ONE = {
  path: ["user_id"],
  message: "Invalid input: name either a user_id or a pool_id",
};

export const noSuchTeam = () => new HttpError(404, "There is no such team.", { error_code: "UNKNOWN_POOL" });
