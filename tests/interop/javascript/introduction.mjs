// Introductions (protocol.md and sync.md, Introduction): who a Noise key belongs to.
import { decode, encode } from './cbor.mjs';
import { sodium, verifyRaw, hex } from './crypto.mjs';
import { Chains } from './keys.mjs';
import { readRecord } from './records.mjs';
import { KEY_RECORDS } from './kinds.mjs';
import { Refusal, refuse } from './refusal.mjs';

const DOMAIN = Buffer.from('barnraise/1 noise-key\0', 'ascii');
const signedBytes = (noiseKey, until) => Buffer.concat([DOMAIN, encode([noiseKey, until])]);
const isBytes = (v, size) => v instanceof Uint8Array && v.length === size;
const isInt = (v) => typeof v === 'number' || typeof v === 'bigint';

export function makeIntroduction({ home, nodePair, noiseKey, until, keyRecords }) {
  const signature = Buffer.from(sodium.crypto_sign_detached(signedBytes(noiseKey, until), nodePair.privateKey));
  return encode(new Map([[1, home], [2, nodePair.publicKey], [3, until], [4, signature], [5, keyRecords]]));
}

// Checks an introduction; held are key records (as read) that the reader has. day null: the clock is not set.
export function readIntroduction(bytes, noiseKey, day, held) {
  try {
    return check(bytes, noiseKey, day, held);
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal('bad_handshake');
    throw error;
  }
}

function check(bytes, noiseKey, day, held) {
  if (bytes.length > 33024) refuse('bad_handshake');
  const map = decode(bytes);
  if (!(map instanceof Map) || map.size !== 5) refuse('bad_handshake');
  const [home, nodeKey, until, signature, records] = [1, 2, 3, 4, 5].map((key) => map.get(key));
  if (!isBytes(home, 32) || !isBytes(nodeKey, 32) || !isInt(until) || until < 0 || !isBytes(signature, 64)) refuse('bad_handshake');
  if (!Array.isArray(records) || records.length > 16) refuse('bad_handshake');
  if (!records.every((r) => r instanceof Uint8Array && r.length <= 8192)) refuse('bad_handshake');
  if (records.reduce((sum, r) => sum + r.length, 0) > 32768) refuse('bad_handshake');
  if (day !== null && (until < day - 1 || until > day + 91)) refuse('bad_handshake');
  if (!verifyRaw(signedBytes(noiseKey, until), signature, nodeKey)) refuse('bad_handshake');
  const given = records.map(readRecord);
  if (!given.every((record) => KEY_RECORDS.has(record.kind))) refuse('bad_handshake');
  const chain = new Chains([...held, ...given]).of(hex(home));
  if (!chain || !chain.current.equals(nodeKey)) refuse('bad_handshake');
  return { home, nodeKey, until, keyRecords: given };
}
