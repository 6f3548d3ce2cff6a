// IBM's own client for Key Protect doing what rewrap does: for each of COUNT keys a rewrap, then the unwrap of what came,
// PARALLEL keys at once. The environment is that of tests/lib/sim.bash; PEER_MODULES is where the client is installed.
//
//   peer.js ROOT WRAP-FILE COUNT PARALLEL
'use strict';
const fs = require('fs');
const path = require('path');

const base = path.join(process.env.PEER_MODULES, '@ibm-cloud', 'ibm-key-protect');
const KeyProtectV2 = require(path.join(base, 'ibm-key-protect-api', 'v2'));
const { IamAuthenticator } = require(path.join(base, 'auth'));

const [id, file, count, parallel] = process.argv.slice(2);
const { SIM_APIKEY, SIM_IAM, SIM_KMS, SIM_INSTANCE } = process.env;
const ciphertext = fs.readFileSync(file, 'utf8').trim();
const client = new KeyProtectV2({
  authenticator: new IamAuthenticator({ apikey: fs.readFileSync(SIM_APIKEY, 'utf8').trim(), url: SIM_IAM }),
  serviceUrl: SIM_KMS,
});
const asked = { bluemixInstance: SIM_INSTANCE, id };
let left = Number(count);

async function worker() {
  while (left-- > 0) {
    const fresh = await client.rewrapKey({ ...asked, keyActionRewrapBody: { ciphertext } });
    const proof = await client.unwrapKey({ ...asked, keyActionUnwrapBody: { ciphertext: fresh.result.ciphertext } });
    if (!proof.result.plaintext) throw new Error('nothing was unwrapped');
  }
}

Promise.all(Array.from({ length: Number(parallel) }, worker)).catch((e) => {
  console.error(e.message);
  process.exit(1);
});
