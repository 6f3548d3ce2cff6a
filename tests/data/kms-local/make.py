#!/usr/bin/env python3
"""Makes v1.kms and v1.wrap as docs/reference/formats.md describes them, without any of keymuster's code.

Argon2id comes from libargon2 (the reference implementation), BLAKE2b from Python, XChaCha20-Poly1305 from the
few lines below. Run once; the files are then kept as they are, so that every later release is known to open them.
"""
import base64
import ctypes
import hashlib
import json
import struct
import sys
import uuid

ROOT = uuid.UUID("5a1c7a52-0f6d-4c1e-9a43-7f0a5d6e0b11")
SECOND = uuid.UUID("c3f0a9d4-6b7e-4f52-8d1a-2e4b6c8d0f13")
PASSPHRASE = b"fixture passphrase, v1"
AAD = [b"vbr-fra", b"config"]
PAYLOAD = b"fixture password 1"


def rotl(x, n):
    return (x << n | x >> (32 - n)) & 0xFFFFFFFF


def rounds(s):
    def quarter(a, b, c, d):
        s[a] = (s[a] + s[b]) & 0xFFFFFFFF
        s[d] = rotl(s[d] ^ s[a], 16)
        s[c] = (s[c] + s[d]) & 0xFFFFFFFF
        s[b] = rotl(s[b] ^ s[c], 12)
        s[a] = (s[a] + s[b]) & 0xFFFFFFFF
        s[d] = rotl(s[d] ^ s[a], 8)
        s[c] = (s[c] + s[d]) & 0xFFFFFFFF
        s[b] = rotl(s[b] ^ s[c], 7)

    for _ in range(10):
        for q in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)):
            quarter(*q)
        for q in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(*q)


def block(key, counter, nonce):
    start = list(struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce))
    s = start[:]
    rounds(s)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(s, start)))


def hchacha(key, nonce16):
    s = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce16))
    rounds(s)
    return struct.pack("<8I", *s[:4], *s[12:])


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    a = 0
    for i in range(0, len(message), 16):
        a = (a + int.from_bytes(message[i:i + 16] + b"\1", "little")) * r % (2 ** 130 - 5)
    return ((a + int.from_bytes(key[16:], "little")) & (2 ** 128 - 1)).to_bytes(16, "little")


def seal(key, nonce, ad, plain):
    sub, short = hchacha(key, nonce[:16]), bytes(4) + nonce[16:]
    stream = b"".join(block(sub, 1 + i, short) for i in range((len(plain) + 63) // 64))
    out = bytes(a ^ b for a, b in zip(plain, stream))

    def pad(x):
        return x + bytes(-len(x) % 16)

    tag = poly1305(block(sub, 0, short)[:32], pad(ad) + pad(out) + struct.pack("<QQ", len(ad), len(out)))
    return out + tag


def argon2id(passphrase, salt, mem, ops):
    out = ctypes.create_string_buffer(32)
    lib = ctypes.CDLL("libargon2.so.1")
    if lib.argon2id_hash_raw(ops, mem // 1024, 1, passphrase, ctypes.c_size_t(len(passphrase)), salt,
                             ctypes.c_size_t(len(salt)), out, ctypes.c_size_t(32)) != 0:
        sys.exit("libargon2 refused")
    return out.raw


def fixed(label, n):
    """Stands for random bytes: the same at every run."""
    return hashlib.shake_128(b"keymuster fixture " + label.encode()).digest(n)


def subkey(key, label):
    return hashlib.blake2b(label.encode(), key=key, digest_size=32).digest()


def b64(x):
    return base64.b64encode(x).decode()


def compact(x):
    return json.dumps(x, separators=(",", ":")).encode()


def version(key, ident, created, material):
    nonce = fixed("nonce " + str(ident), 24)
    sealed = seal(subkey(key, "keymuster local 1 material"), nonce, ident.bytes, material)
    return {"id": str(ident), "created": created, "material": b64(nonce + sealed)}


def wrap(ident, material, aad, payload):
    ad = b"keymuster local 1\0" + ident.bytes + struct.pack("<Q", len(aad))
    ad += b"".join(struct.pack("<Q", len(a)) + a for a in aad)
    nonce = fixed("wrap", 24)
    return b64(compact({"version": 1, "handle": str(ident), "nonce": b64(nonce),
                        "ciphertext": b64(seal(material, nonce, ad, payload))}))


def main():
    mem, ops, salt = 1024 * 1024, 2, fixed("salt", 16)
    key = argon2id(PASSPHRASE, salt, mem, ops)
    first, second = fixed("material 1", 32), fixed("material 2", 32)
    roots = {"roots": [{"id": str(ROOT), "alias": "mad-main", "crn": "", "state": 1,
                        "created": "2026-01-02T03:04:05.006Z", "updated": "2026-02-03T04:05:06.007Z",
                        "rotated": "2026-02-03T04:05:06.007Z", "deleted": "",
                        "versions": [version(key, ROOT, "2026-01-02T03:04:05.006Z", first),
                                     version(key, SECOND, "2026-02-03T04:05:06.007Z", second)]}]}
    nonce = fixed("file", 24)
    sealed = seal(subkey(key, "keymuster local 1 file"), nonce, b"", compact(roots))
    with open("v1.kms", "wb") as f:
        f.write(compact({"version": 1, "kdf": {"alg": "argon2id", "mem": mem, "ops": ops}, "salt": b64(salt),
                         "key-check": b64(subkey(key, "keymuster local 1 key-check")), "nonce": b64(nonce),
                         "sealed": b64(sealed)}) + b"\n")
    with open("v1.wrap", "w") as f:
        f.write(wrap(ROOT, first, AAD, PAYLOAD))


if __name__ == "__main__":
    main()
