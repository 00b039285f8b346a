// The users, in auth.users.
import type { JSONValue } from "postgres";
import { sql } from "./database.ts";
import { hashed } from "./passwords.ts";

type Metadata = Record<string, unknown>;

export interface User {
  id: string;
  email: string;
  encrypted_password: string | null;
  email_confirmed_at: Date | null;
  last_sign_in_at: Date | null;
  raw_app_meta_data: Metadata | null;
  raw_user_meta_data: Metadata | null;
  created_at: Date | null;
  updated_at: Date | null;
}

export interface NewUser {
  id?: string;
  email: string;
  password: string;
  app_metadata?: Metadata;
  user_metadata?: Metadata;
  isConfirmed?: boolean;
}

export async function findUserByEmail(email: string): Promise<User | undefined> {
  const [user] = await sql<User[]>`
    select * from auth.users where email = ${email.toLowerCase()} and not is_sso_user`;
  return user;
}

export async function findUser(id: string): Promise<User | undefined> {
  const [user] = await sql<User[]>`select * from auth.users where id = ${id}`;
  return user;
}

/** Returns nothing if the address, or the id, is taken. */
export async function createUser(wanted: NewUser): Promise<User | undefined> {
  const { id = crypto.randomUUID(), email, isConfirmed = true } = wanted;
  const app = json({ provider: "email", providers: ["email"], ...wanted.app_metadata });
  const verified = { sub: id, email, email_verified: isConfirmed, phone_verified: false };
  const own = json({ ...wanted.user_metadata, ...verified });
  const hash = await hashed(wanted.password);
  const confirmedAt = isConfirmed ? sql`now()` : null;
  const [user] = await sql<User[]>`
    insert into auth.users (id, aud, role, email, encrypted_password, email_confirmed_at,
                            raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
    values (${id}, 'authenticated', 'authenticated', ${email}, ${hash}, ${confirmedAt},
            ${app}, ${own}, now(), now())
    on conflict do nothing
    returning *`;
  return user;
}

/** A user as the API shows them. */
export function shown(user: User) {
  const { id, email, created_at, updated_at, last_sign_in_at } = user;
  const identity = {
    identity_id: id,
    id,
    user_id: id,
    provider: "email",
    email,
    identity_data: {
      sub: id,
      email,
      email_verified: user.email_confirmed_at !== null,
      phone_verified: false,
    },
    created_at,
    updated_at,
    last_sign_in_at,
  };
  return {
    id,
    aud: "authenticated",
    role: "authenticated",
    email,
    email_confirmed_at: user.email_confirmed_at,
    confirmed_at: user.email_confirmed_at,
    phone: "",
    last_sign_in_at,
    app_metadata: user.raw_app_meta_data ?? {},
    user_metadata: user.raw_user_meta_data ?? {},
    identities: [identity],
    created_at,
    updated_at,
    is_anonymous: false,
  };
}

const json = (value: Metadata) => sql.json(value as JSONValue);
