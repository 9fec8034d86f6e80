// An OpenID provider for tests: node openid_provider.mjs PORT CERTIFICATE KEY CLIENT_ID CLIENT_SECRET REDIRECT_URI ALGORITHM
// Each start makes new keys, one for each algorithm; ID tokens are signed with ALGORITHM.
// Anybody logs in with any password. A name that begins with "unproven" has an address that is not verified; "crowd"
// has so many groups that the provider leaves them out, as Microsoft's does.
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import https from "node:https";
import Provider from "oidc-provider";

const [port, certificate, key, client_id, client_secret, redirect_uri, algorithm] = process.argv.slice(2);
const issuer = `https://127.0.0.1:${port}`;
const algorithms = ["RS256", "PS256", "ES256", "EdDSA", "HS256"];
const keys = [
  ["rsa", { modulusLength: 2048 }],
  ["ec", { namedCurve: "P-256" }],
  ["ed25519", {}],
].map(([kind, options]) => ({ ...generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" }), use: "sig" }));

function claimsOf(name) {
  const groups = name === "crowd" ? { _claim_names: { groups: "src1" } } : { groups: [`${name}-team`, "everybody"] };
  return { sub: `id-${name}`, name, email: `${name}@example.com`, email_verified: !name.startsWith("unproven"), ...groups };
}

const provider = new Provider(issuer, {
  clients: [{ client_id, client_secret, redirect_uris: [redirect_uri], grant_types: ["authorization_code"], id_token_signed_response_alg: algorithm }],
  claims: { openid: ["sub", "groups", "_claim_names"], email: ["email", "email_verified"], profile: ["name"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["a-key-for-tests-only"] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({ accountId: id, claims: async () => claimsOf(id.replace(/^id-/, "")) }),
  enabledJWA: { idTokenSigningAlgValues: algorithms },
  jwks: { keys },
  pkce: { required: () => true },
  scopes: ["openid", "email", "profile", "groups"],
});
const tls = { cert: readFileSync(certificate), key: readFileSync(key) };
https.createServer(tls, provider.callback()).listen(Number(port), "127.0.0.1", () => console.log("ready"));
