// server.js DIR CA-DIR: serves the buckets below DIR over TLS on loopback and prints its port. Keys: S3RVER, S3RVER.
const fs = require('fs');
const S3rver = require('@20minutes/s3rver');
const [directory, tls] = process.argv.slice(2);
const server = new S3rver({
  address: '127.0.0.1',
  port: 0,
  directory,
  silent: true,
  vhostBuckets: false,
  key: fs.readFileSync(`${tls}/server.key`),
  cert: fs.readFileSync(`${tls}/server.pem`),
  configureBuckets: [{ name: 'escrow' }],
});
server.run().then(({ port }) => console.log(port));
