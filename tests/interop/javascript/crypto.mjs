// Hashes and signatures. Ed25519 and sealed boxes are libsodium's, as protocol.md demands.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import sodium from 'libsodium-wrappers';
import { encode } from './cbor.mjs';

await sodium.ready;

export { randomBytes, sodium };
export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const unhex = (text) => Buffer.from(text, 'hex');
export const sha256 = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
export const hmac = (key, ...parts) => {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
};
const ZERO = Buffer.from([0]);

// H(domain, x) of protocol.md.
export const H = (domain, x) => sha256(Buffer.from(domain, 'ascii'), ZERO, x);

export function keyPair(seed) {
  const pair = sodium.crypto_sign_seed_keypair(seed);
  return { publicKey: Buffer.from(pair.publicKey), privateKey: pair.privateKey };
}

const PROTECTED = unhex('a10127');
const AAD = Buffer.from('barnraise/1', 'ascii');
const EMPTY = Buffer.alloc(0);

// The Sig_structure of RFC 9052, section 4.4, for one signature of a record.
const toSign = (payload) => encode(['Signature', EMPTY, PROTECTED, AAD, payload]);

export const sign = (payload, pair) => Buffer.from(sodium.crypto_sign_detached(toSign(payload), pair.privateKey));

export function verifyRaw(message, signature, publicKey) {
  try {
    return sodium.crypto_sign_verify_detached(signature, message, publicKey);
  } catch {
    return false;
  }
}

export const verify = (payload, signature, publicKey) => verifyRaw(toSign(payload), signature, publicKey);
