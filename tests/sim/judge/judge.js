// IBM's own client for Key Protect, unchanged, against the simulator: what it does not understand, the simulator got wrong.
// Run by judge.bats, which installs it; the environment is that of tests/lib/sim.bash.
//
//   judge.js life               a key's whole life; prints each step
//   judge.js wrap KEY TEXT      prints the ciphertext of base64 TEXT, additional data judge, one
//   judge.js unwrap KEY CIPHER  prints the plaintext
'use strict';
const assert = require('assert');
const fs = require('fs');
const http = require('http');
const path = require('path');

const base = path.join(process.env.JUDGE_MODULES, '@ibm-cloud', 'ibm-key-protect');
const KeyProtectV2 = require(path.join(base, 'ibm-key-protect-api', 'v2'));
const { IamAuthenticator } = require(path.join(base, 'auth'));

const env = process.env;
const instance = { bluemixInstance: env.SIM_INSTANCE };
const aad = ['judge', 'one'];
const keyType = 'application/vnd.ibm.kms.key+json';

function clientOf(apikeyFile) {
  const authenticator = new IamAuthenticator({
    apikey: fs.readFileSync(apikeyFile, 'utf8').trim(),
    url: env.SIM_IAM,
  });
  return new KeyProtectV2({ authenticator, serviceUrl: env.SIM_KMS });
}

let client = clientOf(env.SIM_APIKEY);

// Moves the simulator's clock. The client holds its token by its own clock, so it starts afresh.
function move(seconds) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ advance: seconds });
    const request = http.request(`${env.SIM_CONTROL}/sim/clock`, { method: 'POST', headers: { 'Content-Length': body.length } }, (r) => {
      r.resume();
      r.on('end', () => {
        client = clientOf(env.SIM_APIKEY);
        resolve();
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

function step(text) {
  console.log(`judge: ${text}`);
}

async function call(name, params) {
  return client[name](Object.assign({}, instance, params));
}

// The call must fail with this status and, unless null, this code in the first reason.
async function refused(status, code, promise) {
  try {
    await promise;
  } catch (e) {
    assert.strictEqual(e.status, status, `status ${e.status}, not ${status}: ${e.body || e.message}`);
    const body = typeof e.body === 'string' ? JSON.parse(e.body) : e.body;
    const reasons = body.resources[0].reasons;
    assert.strictEqual(reasons ? reasons[0].code : null, code);
    return;
  }
  assert.fail(`it was carried out, and ${status} was expected`);
}

// restoreKey of this client answers with a stream.
async function textOf(result) {
  if (typeof result === 'string' || !result || !result.on) {
    return typeof result === 'string' ? result : JSON.stringify(result);
  }
  let text = '';
  for await (const piece of result) {
    text += piece;
  }
  return text;
}

function keyBody(members) {
  return {
    metadata: { collectionType: keyType, collectionTotal: 1 },
    resources: [Object.assign({ type: keyType, extractable: false }, members)],
  };
}

const wrap = (id, body) => call('wrapKey', { id, keyActionWrapBody: body });
const unwrap = (id, ciphertext, data) => call('unwrapKey', { id, keyActionUnwrapBody: { ciphertext, aad: data } });
const metadata = async (id) => (await call('getKeyMetadata', { id })).result.resources[0];

async function made() {
  const created = await call('createKey', { body: keyBody({ name: 'judge-root', aliases: ['judge-alias'] }) });
  assert.strictEqual(created.status, 201);
  const key = created.result.resources[0];
  assert.strictEqual(key.state, 1);
  assert.strictEqual(key.keyVersion.id, key.id);
  assert.match(key.crn, new RegExp(`:${env.SIM_INSTANCE}:key:${key.id}$`));
  step('created');
  const list = await call('getKeys', { limit: 200, offset: 0, state: [1, 5], extractable: false });
  assert(list.result.resources.some((k) => k.id === key.id));
  const count = await call('getKeyCollectionMetadata', {});
  assert(Number(count.headers['key-total']) >= 1);
  step('listed and counted');
  return key.id;
}

async function wrapped(id) {
  const first = (await wrap(id, { aad })).result;
  assert.strictEqual(Buffer.from(first.plaintext, 'base64').length, 32);
  assert.strictEqual(first.keyVersion.id, id);
  assert.strictEqual((await unwrap('judge-alias', first.ciphertext, aad)).result.plaintext, first.plaintext);
  const again = (await wrap(id, { plaintext: first.plaintext, aad })).result;
  assert.notStrictEqual(again.ciphertext, first.ciphertext);
  assert.strictEqual(again.plaintext, undefined);
  assert.strictEqual((await call('wrapKey', { id })).status, 200); // no body at all
  step('wrapped with a fresh key and with a given one, unwrapped');
  await refused(422, 'UNPROCESSABLE_CIPHERTEXT_ERR', unwrap(id, first.ciphertext, [...aad].reverse()));
  await refused(422, 'UNPROCESSABLE_CIPHERTEXT_ERR', unwrap(id, first.ciphertext, undefined));
  await refused(400, 'INVALID_FIELD_ERR', unwrap(id, 'never!', aad));
  step('other additional data and what is no ciphertext refused');
  return first;
}

async function rotated(id, first) {
  assert.strictEqual((await call('rotateKey', { id })).status, 204);
  await refused(409, 'KEY_ROTATION_NOT_PERMITTED', call('rotateKey', { id }));
  const old = (await unwrap(id, first.ciphertext, aad)).result;
  const current = (await metadata(id)).keyVersion.id;
  assert.notStrictEqual(current, id);
  assert.strictEqual(old.plaintext, first.plaintext);
  assert.strictEqual(old.keyVersion.id, id);
  assert.strictEqual(old.rewrappedKeyVersion.id, current);
  const fresh = (await unwrap(id, old.ciphertext, aad)).result;
  assert.strictEqual(fresh.plaintext, first.plaintext);
  assert.strictEqual(fresh.keyVersion.id, current);
  assert.strictEqual(fresh.ciphertext, undefined);
  step('rotated; the old version opens and brings a fresh ciphertext');
  const rewrapped = (await call('rewrapKey', { id, keyActionRewrapBody: { ciphertext: first.ciphertext, aad } })).result;
  assert.strictEqual(rewrapped.keyVersion.id, id);
  assert.strictEqual(rewrapped.rewrappedKeyVersion.id, current);
  assert.strictEqual((await unwrap(id, rewrapped.ciphertext, aad)).result.plaintext, first.plaintext);
  step('rewrapped');
  const versions = (await call('getKeyVersions', { id })).result;
  assert.deepStrictEqual(versions.resources.map((v) => v.id), [current, id]);
  step('versions, newest first');
}

async function disabled(id, first) {
  assert.strictEqual((await call('disableKey', { id })).status, 204);
  assert.strictEqual((await metadata(id)).state, 2);
  await refused(409, 'KEY_ACTION_INVALID_STATE_ERR', wrap(id, {}));
  await refused(409, 'KEY_ACTION_INVALID_STATE_ERR', unwrap(id, first.ciphertext, aad));
  await refused(409, 'REQ_TOO_EARLY_ERR', call('enableKey', { id }));
  await move(31);
  assert.strictEqual((await call('enableKey', { id })).status, 204);
  assert.strictEqual((await unwrap(id, first.ciphertext, aad)).result.plaintext, first.plaintext);
  step('disabled, refused, enabled after the clock moved');
}

async function deleted(id, first) {
  const gone = await call('deleteKey', { id, prefer: 'return=representation' });
  assert.strictEqual(gone.status, 200);
  assert.strictEqual(gone.result.resources[0].state, 5);
  await refused(410, 'KEY_DELETED_ERR', unwrap(id, first.ciphertext, aad));
  await refused(410, 'KEY_DELETED_ERR', call('deleteKey', { id }));
  await refused(409, 'REQ_TOO_EARLY_ERR', call('restoreKey', { id }).catch(async (e) => {
    e.body = await textOf(e.body || e.result);
    throw e;
  }));
  await move(31);
  const back = await call('restoreKey', { id });
  assert.strictEqual(back.status, 201);
  assert.strictEqual(JSON.parse(await textOf(back.result)).resources[0].state, 1);
  assert.strictEqual((await unwrap(id, first.ciphertext, aad)).result.plaintext, first.plaintext);
  step('deleted, 410, restored');
}

async function purged(id) {
  assert.strictEqual((await call('deleteKey', { id })).status, 204);
  const meta = await metadata(id);
  assert.strictEqual(meta.restoreAllowed, true);
  const purge = () => client.createRequest({ // this version has no call for it, but the transport
    options: { url: '/api/v2/keys/{id}/purge', method: 'DELETE', path: { id } },
    defaultOptions: Object.assign({}, client.baseOptions, { headers: { 'Bluemix-Instance': env.SIM_INSTANCE } }),
  });
  await refused(409, 'REQ_TOO_EARLY_ERR', purge());
  await move(4 * 3600);
  assert.strictEqual((await purge()).status, 204);
  await refused(404, 'KEY_NOT_FOUND_ERR', call('getKeyMetadata', { id }));
  step('purged, 404');
}

async function roles(id) {
  client = clientOf(env.SIM_APIKEY_READER);
  const made = (await wrap(id, {})).result;
  assert.strictEqual((await unwrap(id, made.ciphertext, undefined)).result.plaintext, made.plaintext);
  await refused(401, null, call('getKey', { id }));
  await refused(401, null, call('deleteKey', { id }));
  client = clientOf(env.SIM_APIKEY);
  step('a reader wraps and unwraps, and may no more');
}

async function around(id) {
  assert.strictEqual((await call('createKeyAlias', { id, alias: 'judge-second' })).status, 201);
  assert.deepStrictEqual((await metadata('judge-second')).aliases, ['judge-alias', 'judge-second']);
  assert.strictEqual((await call('deleteKeyAlias', { id, alias: 'judge-second' })).status, 204);
  assert.strictEqual((await call('createKeyRing', { keyRingId: 'judge-ring' })).status, 201);
  assert.deepStrictEqual((await call('listKeyRings', {})).result.resources.map((r) => r.id), ['default', 'judge-ring']);
  assert.strictEqual((await call('deleteKeyRing', { keyRingId: 'judge-ring' })).status, 204);
  assert.strictEqual((await call('getRegistrations', { id })).result.metadata.collectionTotal, 0);
  step('aliases, rings, registrations');
}

async function imported() {
  const payload = Buffer.alloc(32, 7).toString('base64');
  const id = (await call('createKey', { body: keyBody({ name: 'judge-import', payload }) })).result.resources[0].id;
  assert.strictEqual((await metadata(id)).imported, true);
  await refused(400, 'KEY_PAYLOAD_REQ_ERR', call('rotateKey', { id }));
  const rotation = { payload: Buffer.alloc(32, 9).toString('base64') };
  assert.strictEqual((await call('rotateKey', { id, keyActionRotateBody: rotation })).status, 204);
  step('imported, rotated with new material');
}

async function life() {
  const id = await made();
  await roles(id);
  await around(id);
  const first = await wrapped(id);
  await rotated(id, first);
  await disabled(id, first);
  await deleted(id, first);
  await purged(id);
  await imported();
}

async function main([what, id, text]) {
  if (what === 'life') {
    await life();
  } else if (what === 'wrap') {
    console.log((await wrap(id, { plaintext: text, aad })).result.ciphertext);
  } else {
    console.log((await unwrap(id, text, aad)).result.plaintext);
  }
}

main(process.argv.slice(2)).catch((e) => {
  console.error(e);
  process.exit(1);
});
