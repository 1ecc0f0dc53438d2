// Parcels (protocol.md, Parcels): pair records that travel sealed in a coalition record.
import { decode, encode } from './cbor.mjs';
import { randomBytes, sodium } from './crypto.mjs';
import { Refusal, refuse } from './refusal.mjs';

const SIZES = [512, 1024, 2048, 4096, 7168];
const isBytes = (v, size) => v instanceof Uint8Array && v.length === size;
const isUntil = (v) => v === null || (typeof v === 'number' && v >= 0);

// Opens sealed bytes with the first prekey that fits; null where none does. What is inside and not sound is bad_field.
export function readParcel(sealed, prekeys) {
  for (const { publicKey, privateKey } of prekeys) {
    let plain;
    try {
      plain = Buffer.from(sodium.crypto_box_seal_open(sealed, publicKey, privateKey));
    } catch {
      continue;
    }
    return readContent(plain);
  }
  return null;
}

function readContent(plain) {
  if (!SIZES.includes(plain.length)) refuse('bad_field');
  const length = plain.readUInt16BE();
  if (2 + length > plain.length || plain.subarray(2 + length).some((byte) => byte !== 0)) refuse('bad_field');
  let map;
  try {
    map = decode(plain.subarray(2, 2 + length));
  } catch (error) {
    throw error instanceof Refusal ? new Refusal('bad_field') : error;
  }
  if (!(map instanceof Map) || map.size !== 5) refuse('bad_field');
  const [sender, recipient, nonce, records, ranges] = [1, 2, 3, 4, 5].map((key) => map.get(key));
  const sound = isBytes(sender, 32) && isBytes(recipient, 32) && isBytes(nonce, 16) &&
    Array.isArray(records) && records.length <= 64 && records.every((r) => r instanceof Uint8Array) &&
    Array.isArray(ranges) && ranges.length <= 16 &&
    ranges.every((r) => Array.isArray(r) && r.length === 2 && isUntil(r[0]) && isBytes(r[1], 16));
  if (!sound) refuse('bad_field');
  return { sender, recipient, nonce, records, ranges };
}

// The content of a parcel record for this home, or null where it is for somebody else or not by its outer author.
export function openParcel(record, prekeys, home) {
  const content = readParcel(record.body.get('sealed'), prekeys);
  if (!content || !record.home.equals(content.sender) || !home.equals(content.recipient)) return null;
  return content;
}

export function sealParcel({ sender, recipient, records, ranges }, prekey) {
  const content = encode(new Map([[1, sender], [2, recipient], [3, randomBytes(16)], [4, records], [5, ranges]]));
  const size = SIZES.find((s) => s >= content.length + 2) ?? refuse('too_long');
  const plain = Buffer.alloc(size);
  plain.writeUInt16BE(content.length);
  content.copy(plain, 2);
  return Buffer.from(sodium.crypto_box_seal(plain, prekey));
}
