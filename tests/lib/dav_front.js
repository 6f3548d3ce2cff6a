// A front before a WebDAV server of dav.bash, with its certificate: what it is asked goes on to the server unless a fault says otherwise.
//
//   node dav_front.js DIR PORT      prints the port it listens on; DIR/front.log gets METHOD PATH STATUS of each request, one a line
//
// DIR/faults.json is read at each request: a list of faults, of which the first that fits applies. When the file changes, all counts begin
// anew.
//   method, path    what it fits: the method, a regular expression of the path; all where they are left out
//   skip, times     it fits only after so many that would have fitted (0), and so often (always)
//   first           "forward": the server gets the request first, and its answer is thrown away
//   status, headers, body   the answer (200, none, "")
//   headers_to      headers that the server gets instead of those that came
//   longer          the answer declares so many bytes more than it has, then the connection ends
//   drop            no answer: the connection ends
//   replace         [regular expression, text] in the server's answer
'use strict';
const fs = require('fs');
const https = require('https');

const [dir, port] = process.argv.slice(2);
const agent = new https.Agent({ ca: fs.readFileSync(`${dir}/ca.pem`), keepAlive: true });
let text = '';
let faults = [];

function fault(req) {
    const now = fs.readFileSync(`${dir}/faults.json`, 'utf8');
    if (now !== text) {
        text = now;
        faults = JSON.parse(now).map((f) => ({ ...f, seen: 0, done: 0 }));
    }
    for (const f of faults) {
        if ((f.method && f.method !== req.method) || (f.path && !new RegExp(f.path).test(req.url)))
            continue;
        if (f.seen++ < (f.skip || 0) || f.done >= (f.times || Infinity))
            continue;
        f.done++;
        return f;
    }
    return null;
}

function forward(req, body, done) {
    const to = https.request(
        { host: '127.0.0.1', port, agent, method: req.method, path: req.url, headers: req.headers, servername: 'localhost' },
        (from) => {
            const parts = [];
            from.on('data', (d) => parts.push(d));
            from.on('end', () => done(from.statusCode, from.headers, Buffer.concat(parts)));
        });
    to.on('error', () => done(502, {}, Buffer.from('the server is away')));
    to.end(body);
}

function answer(req, res, status, headers, body, longer) {
    fs.appendFileSync(`${dir}/front.log`, `${req.method} ${req.url} ${status}\n`);
    const sent = { ...headers };
    delete sent['transfer-encoding'];
    delete sent.connection;
    if (req.method !== 'HEAD' && status !== 204)
        sent['content-length'] = body.length + (longer || 0);
    res.writeHead(status, sent);
    if (!longer)
        return void res.end(body);
    res.write(body, () => setTimeout(() => res.socket.destroy(), 50));
}

function handle(req, res, body) {
    const f = fault(req);
    const reply = () => {
        if (f.drop) {
            fs.appendFileSync(`${dir}/front.log`, `${req.method} ${req.url} -\n`);
            return void req.socket.destroy();
        }
        answer(req, res, f.status || 200, f.headers || {}, Buffer.from(f.body || ''), f.longer);
    };
    if (f && f.headers_to) {
        Object.assign(req.headers, f.headers_to);
    } else if (f && !f.replace && f.first !== 'forward') {
        return reply();
    }
    forward(req, body, (status, headers, bytes) => {
        if (f && f.headers_to)
            answer(req, res, status, headers, bytes);
        else if (f && f.replace)
            answer(req, res, status, headers, Buffer.from(bytes.toString('latin1').replace(new RegExp(f.replace[0], 'g'), f.replace[1]), 'latin1'));
        else if (f)
            reply();
        else
            answer(req, res, status, headers, bytes);
    });
}

const server = https.createServer({ key: fs.readFileSync(`${dir}/server.key`), cert: fs.readFileSync(`${dir}/server.pem`) }, (req, res) => {
    const parts = [];
    req.on('error', () => {});
    req.on('data', (d) => parts.push(d));
    req.on('end', () => handle(req, res, Buffer.concat(parts)));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
