// Judges exchanges with VBR against the interface description: each request must be one that it describes, with the
// version header, a body of the schema and no member that the version lacks; each answer one that it declares for it.
// Run by vbr.bats, which installs the validator.
//
//   judge.js DESCRIPTION LOG    LOG: a JSON list, as the simulator gives it. Prints "judge: N requests, M answers"; else what is wrong
'use strict';
const fs = require('fs');
const path = require('path');
const modules = process.env.JUDGE_MODULES;
const { OpenAPIBackend } = require(path.join(modules, 'openapi-backend'));
const addFormats = require(path.join(modules, 'ajv-formats'));
const yaml = require(path.join(modules, 'js-yaml'));

const [description, logFile] = process.argv.slice(2);
const log = JSON.parse(fs.readFileSync(logFile, 'utf8'));

// Members that a schema does not name are an error here, where the description says nothing else.
function close(schema, seen) {
  if (!schema || typeof schema !== 'object' || seen.has(schema)) return;
  seen.add(schema);
  if (schema.type === 'object' && schema.properties && schema.additionalProperties === undefined) schema.additionalProperties = false;
  Object.values(schema).forEach((v) => close(v, seen));
}

// Absent members may be sent as null (x-note of SessionModel).
function withoutNull(v) {
  if (Array.isArray(v)) return v.map(withoutNull);
  if (!v || typeof v !== 'object') return v;
  return Object.fromEntries(Object.entries(v).filter(([, x]) => x !== null).map(([k, x]) => [k, withoutNull(x)]));
}

const order = ['1.2-rev1', '1.3-rev0', '1.3-rev1', '1.3-rev2'];
const before = (version, since) => since && order.indexOf(version) < order.indexOf(since);

function laterMembers(schema, value, version) {
  const found = [];
  for (const [name, s] of Object.entries((schema && schema.properties) || {})) {
    if (value && Object.prototype.hasOwnProperty.call(value, name)) {
      if (before(version, s['x-since'])) found.push(name);
      const values = s['x-values-by-revision'];
      if (values && values[version] && typeof value[name] === 'string' && !values[version].includes(value[name])) found.push(`${name}=${value[name]}`);
      found.push(...laterMembers(s, value[name], version));
    }
  }
  return found;
}

// Times of day have no zone (x-note of localTime).
function customizeAjv(ajv) {
  addFormats(ajv);
  ajv.addFormat('time', /^\d\d:\d\d(:\d\d)?$/);
  return ajv;
}

// The description, and beside it what it leaves out (consumers.json).
function whole() {
  const definition = yaml.load(fs.readFileSync(description, 'utf8'));
  const more = JSON.parse(fs.readFileSync(path.join(__dirname, 'consumers.json'), 'utf8'));
  Object.assign(definition.paths, more.paths);
  Object.assign(definition.components.schemas, more.schemas);
  return definition;
}

async function main() {
  const api = new OpenAPIBackend({
    definition: whole(), strict: true, quick: false, ajvOpts: { strict: false, allErrors: true },
    customizeAjv,
  });
  api.register('notFound', () => null);
  await api.init();
  close(api.definition.components.schemas, new Set());
  Object.values(api.definition.paths).forEach((p) => close(p, new Set()));
  api.validator = new (require(path.join(modules, 'openapi-backend')).OpenAPIValidator)({
    definition: api.definition, ajvOpts: { strict: false, allErrors: true }, customizeAjv, router: api.router,
  });
  let requests = 0, answers = 0, wrong = 0;
  const say = (e, what, why) => { wrong++; console.log(`wrong ${what}: ${e.method} ${e.path} (${e.version}): ${why}`); };
  for (const e of log) {
    const headers = { 'x-api-version': e.version, 'content-type': e.type || undefined };
    const request = { method: e.method, path: e.path, headers, query: e.query, body: e.request === null ? undefined : e.request };
    const operation = api.router.matchOperation({ ...request });
    requests++;
    if (!operation) { say(e, 'request', 'no such operation'); continue; }
    if (!order.includes(e.version)) say(e, 'request', 'no version header');
    const open = Array.isArray(operation.security) && operation.security.length === 0;
    if (!open && !e.authorized) say(e, 'request', 'no token');
    if (operation.requestBody === undefined && e.request !== null) say(e, 'request', 'a body where none is described');
    const judged = api.validator.validateRequest(request, operation);
    if (!judged.valid) say(e, 'request', JSON.stringify(judged.errors));
    if (operation.requestBody) {
      const content = operation.requestBody.content;
      const kind = Object.keys(content).find((t) => (e.type || '').startsWith(t));
      if (!kind) say(e, 'request', `content type "${e.type}"`);
      else laterMembers(content[kind].schema, e.request, e.version).forEach((m) => say(e, 'request', `${m} is not of that version`));
    }
    const p = Object.entries(api.definition.paths).find(([t]) => t === operation.path);
    if (e.status < 400 && p && before(e.version, p[1]['x-since'])) say(e, 'request', 'the path is not of that version');
    if (e.status === 0) continue; // the simulator broke off
    answers++;
    const declared = operation.responses[String(e.status)];
    if (!declared) { say(e, 'answer', `status ${e.status} is not declared`); continue; }
    if (!declared.content) { if (e.answer !== null) say(e, 'answer', 'a body where none is declared'); continue; }
    const answer = api.validator.validateResponse(withoutNull(e.answer), operation, e.status);
    if (!answer.valid) say(e, 'answer', JSON.stringify(answer.errors));
  }
  console.log(`judge: ${requests} requests, ${answers} answers`);
  process.exitCode = wrong ? 1 : 0;
}
main().catch((e) => { console.error(e); process.exitCode = 2; });
