// An S3 server in memory that does what a test tells it to, over TLS on loopback, and judges every signature by itself.
//
//   s3_fake.js DIR       DIR has server.pem, server.key and `keys` (access key, secret and, where there is one, a session token, a
//                        line each) or `bearer` (a token). Prints its port. Buckets: escrow, also as the first label of the host's name.
//
// DIR/faults, read at each request, has a fault a line as JSON; the first that fits and has a count left is carried out:
//   method, path (a part of the URL), count (1; -1 for ever), skip
//   status, body, headers        the answer, instead of what was asked for
//   after                        first it is carried out
//   drop                         the line is cut instead of an answer
//   cut                          so many bytes of the body are sent, then the line is cut
//   bytes                        an object's bytes, instead of those that were put there
// DIR/mode, one word: ignore (conditions), refuse (conditions: 501), or nothing.
// DIR/log gets a line of JSON for each request: method, url, host, headers, sha256 and bytes of the body, status, and `signature`:
// good, bad and why, bearer, none.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const https = require('https');
const path = require('path');

const dir = process.argv[2];
const file = (name) => path.join(dir, name);
const text = (name) => (fs.existsSync(file(name)) ? fs.readFileSync(file(name), 'utf8') : '');
const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => crypto.createHmac('sha256', key).update(data).digest();
const encode = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());

const objects = new Map(); // "bucket/key" to bytes
const spent = new Map(); // a fault's line to how often it fitted

// What Amazon's description of Signature Version 4 says, written from it and from nothing else.
function judge(req, body) {
  const h = req.headers;
  const given = h.authorization || '';
  if (given.startsWith('Bearer ')) return given === `Bearer ${text('bearer').trim()}` ? 'bearer' : 'bad: another bearer';
  const m = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})$/.exec(given);
  if (!m) return given === '' ? 'none' : 'bad: malformed';
  const [, access, day, region, list, signature] = m;
  const [key, secret, token] = text('keys').split('\n');
  if (access !== key) return 'bad: InvalidAccessKeyId';
  const date = h['x-amz-date'] || '';
  const at = Date.parse(date.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(Date.now() - at) < 900000)) return 'bad: RequestTimeTooSkewed';
  if (date.slice(0, 8) !== day) return 'bad: another day';
  if ((h['x-amz-security-token'] || '') !== (token || '')) return 'bad: InvalidToken';
  const signed = list.split(';');
  for (const name of Object.keys(h))
    if ((name === 'host' || name === 'if-none-match' || name.startsWith('x-amz-')) && !signed.includes(name)) return `bad: ${name} is not signed`;
  if (h['x-amz-content-sha256'] !== sha256(body)) return 'bad: XAmzContentSHA256Mismatch';
  const [where, query = ''] = req.url.split('?');
  const canonical = [
    req.method,
    where.split('/').map((part) => encode(decodeURIComponent(part))).join('/'),
    query
      .split('&')
      .filter((part) => part !== '')
      .map((part) => part.split('=').map((half) => encode(decodeURIComponent(half))))
      .map(([name, value = '']) => `${name}=${value}`)
      .sort()
      .join('&'),
    ...signed.map((name) => `${name}:${(h[name] || '').trim().replace(/ +/g, ' ')}`),
    '',
    signed.join(';'),
    h['x-amz-content-sha256'],
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const key4 = [day, region, 's3', 'aws4_request'].reduce(hmac, 'AWS4' + secret);
  const right = hmac(key4, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex');
  return right === signature ? 'good' : 'bad: SignatureDoesNotMatch';
}

const error = (status, code, more = '') => ({
  status,
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>canary-server-words</Message>${more}</Error>`,
});

const escape = (s) => s.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

function list(bucket, query) {
  const q = new URLSearchParams(query);
  const [prefix, after, cut] = [q.get('prefix') || '', q.get('start-after') || '', q.get('delimiter') || ''];
  const most = Math.min(Number(q.get('max-keys') || 1000), Number(text('page') || 1000));
  const found = new Map(); // to whether it is a common prefix
  for (const name of [...objects.keys()].sort()) {
    if (!name.startsWith(`${bucket}/${prefix}`)) continue;
    const key = name.slice(bucket.length + 1);
    if (key <= after) continue;
    const end = cut === '' ? -1 : key.indexOf(cut, prefix.length);
    found.set(end < 0 ? key : key.slice(0, end + 1), end >= 0);
  }
  const page = [...found].slice(0, most);
  return {
    status: 200,
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${bucket}</Name><Prefix>${escape(prefix)}</Prefix><IsTruncated>${found.size > page.length}</IsTruncated>${page
      .map(([key, common]) => (common ? `<CommonPrefixes><Prefix>${escape(key)}</Prefix></CommonPrefixes>` : `<Contents><Key>${escape(key)}</Key><Size>1</Size></Contents>`))
      .join('')}</ListBucketResult>`,
  };
}

function act(req, body) {
  const [where, query = ''] = req.url.split('?');
  const parts = where.split('/').slice(1).map(decodeURIComponent);
  const host = (req.headers.host || '').split(':')[0];
  const bucket = host.startsWith('escrow.') ? 'escrow' : parts.shift();
  const key = parts.join('/');
  const name = `${bucket}/${key}`;
  if (bucket !== 'escrow') return error(404, 'NoSuchBucket');
  if (key === '') return list(bucket, query);
  if (req.method === 'GET') return objects.has(name) ? { status: 200, body: objects.get(name) } : error(404, 'NoSuchKey');
  if (req.method === 'DELETE') return objects.delete(name), { status: 204, body: '' };
  if (req.method !== 'PUT') return error(405, 'MethodNotAllowed');
  const mode = text('mode').trim();
  if (req.headers['if-none-match'] !== undefined) {
    if (mode === 'refuse') return error(501, 'NotImplemented');
    if (mode !== 'ignore' && objects.has(name)) return error(412, 'PreconditionFailed');
  }
  objects.set(name, body);
  return { status: 200, body: '' };
}

function fault(req) {
  for (const line of text('faults').split('\n')) {
    if (line.trim() === '') continue;
    const f = JSON.parse(line);
    if ((f.method && f.method !== req.method) || (f.path && !req.url.includes(f.path))) continue;
    const nth = spent.get(line) || 0;
    spent.set(line, nth + 1);
    const count = f.count === undefined ? 1 : f.count;
    if (nth < (f.skip || 0) || (count >= 0 && nth >= (f.skip || 0) + count)) continue;
    return f;
  }
  return null;
}

const refusals = { InvalidAccessKeyId: 403, RequestTimeTooSkewed: 403, InvalidToken: 400, SignatureDoesNotMatch: 403, XAmzContentSHA256Mismatch: 400 };

function answer(req, res, body) {
  const signature = judge(req, body);
  const code = signature.slice(5);
  let a = signature === 'none' ? error(403, 'AccessDenied') : signature.startsWith('bad') ? error(refusals[code] || 403, refusals[code] ? code : 'AccessDenied') : null;
  const f = a === null ? fault(req) : null;
  if (a === null && (f === null || f.after || f.bytes !== undefined || (f.cut !== undefined && f.body === undefined))) a = act(req, body);
  if (f !== null && f.status) a = { status: f.status, body: f.body || '' };
  if (f !== null && f.bytes !== undefined) a = { status: 200, body: f.bytes };
  fs.appendFileSync(
    file('log'),
    JSON.stringify({ method: req.method, url: req.url, host: req.headers.host, headers: req.headers, sha256: sha256(body), bytes: body.length, status: a && !(f && f.drop) ? a.status : 0, signature }) + '\n',
  );
  if (f !== null && f.drop) return req.socket.destroy();
  const bytes = Buffer.from(a.body);
  res.writeHead(a.status, { 'Content-Length': bytes.length, ...(f && f.headers) });
  if (f === null || f.cut === undefined) return res.end(bytes);
  res.write(bytes.subarray(0, f.cut), () => req.socket.destroy());
}

const server = https.createServer({ key: fs.readFileSync(file('server.key')), cert: fs.readFileSync(file('server.pem')) }, (req, res) => {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => answer(req, res, Buffer.concat(chunks)));
});
server.keepAliveTimeout = 60000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
