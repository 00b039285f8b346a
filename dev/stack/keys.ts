// Makes the key pairs of a project, one per algorithm of Supabase Auth. Prints two lines of JSON: the
// public keys, as a key set (JWKS), and the private keys by algorithm.
import { exportJWK, generateKeyPair } from "jose";

const publicKeys = [];
const privateKeys: Record<string, unknown> = {};
for (const alg of ["ES256", "RS256"]) {
  const pair = await generateKeyPair(alg, { extractable: true });
  const kid = crypto.randomUUID();
  publicKeys.push({ ...await exportJWK(pair.publicKey), alg, kid, use: "sig" });
  privateKeys[alg] = { ...await exportJWK(pair.privateKey), alg, kid };
}
console.log(JSON.stringify({ keys: publicKeys }));
console.log(JSON.stringify(privateKeys));
