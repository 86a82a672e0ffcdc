// node-oidc-provider, a certified OpenID Connect provider, with the desk as its client.
//
//   node certified_provider.mjs FOLDER PORT DESK KEY
//
// FOLDER has it in node_modules, DESK is the desk's address, KEY the file of the key that it signs with,
// which is made if there is none. Anyone logs in with any password: who they are and which groups they
// have follows from their name.

import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, port, desk, keyFile] = process.argv.slice(2);
const entry = pathToFileURL(`${folder}/node_modules/oidc-provider/lib/index.js`);
const { default: Provider } = await import(entry);

const GROUPS = {
  "l.hendriks": ["postkamer-medewerker", "postkamer-burgerzaken"],
  "h.vos": ["postkamer-medewerker", "postkamer-zorg-en-jeugd"],
};
if (!existsSync(keyFile)) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "first" };
  writeFileSync(keyFile, JSON.stringify(key));
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "desk",
      client_secret: process.env.CLIENT_SECRET,
      token_endpoint_auth_method: "client_secret_post",
      redirect_uris: [`${desk}/login/callback`],
      post_logout_redirect_uris: [`${desk}/logged-out`],
      backchannel_logout_uri: `${desk}/login/ended`,
      backchannel_logout_session_required: true,
      grant_types: ["authorization_code", "refresh_token"],
    },
  ],
  cookies: { keys: ["not a secret"] },
  jwks: { keys: [JSON.parse(readFileSync(keyFile, "utf8"))] },
  pkce: { required: () => true },
  // By itself it calls no address of this machine, at which the desk is here.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  extraTokenClaims: (_, token) => ({
    preferred_username: token.accountId,
    roles: GROUPS[token.accountId] ?? [],
  }),
  features: {
    backchannelLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "urn:postkamer",
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        audience: "postkamer",
        scope: "openid profile",
        accessTokenFormat: "jwt",
        accessTokenTTL: 300,
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listens"));
