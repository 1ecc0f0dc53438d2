// Frames (sync.md, Frames): an array of the type and exactly the fields of that type.
import { decode, encode } from './cbor.mjs';
import { Refusal, refuse } from './refusal.mjs';

const bytes = (size) => (v) => v instanceof Uint8Array && v.length === size;
const anyBytes = (v) => v instanceof Uint8Array;
const hash = bytes(32);
const isInt = (v) => typeof v === 'number' || typeof v === 'bigint';
const number = (v) => isInt(v) && v >= 0 && BigInt(v) < 1n << 63n;
const text = (v) => typeof v === 'string' && [...v].length <= 500;
const list = (max, item) => (v) => Array.isArray(v) && v.length <= max && v.every(item);
const set = (v) => Array.isArray(v) && (v.length === 1 ? v[0] === 2 : v.length === 2 && (v[0] === 0 || v[0] === 1) && hash(v[1]));

function hello(v) {
  if (!(v instanceof Map) || ![...v.keys()].every((key) => isInt(key))) return false;
  if (!list(8192, isInt)(v.get(1)) || !list(8192, text)(v.get(2))) return false;
  if (!number(v.get(3)) || !number(v.get(4)) || !text(v.get(5)) || !text(v.get(6))) return false;
  const limits = v.get(7);
  return limits === undefined || (Array.isArray(limits) && limits.length >= 2 && limits.every((n) => number(n) && n > 0));
}

const messages = list(200, anyBytes);
const keyRecords = (v) => list(16, anyBytes)(v) && v.reduce((sum, record) => sum + record.length, 0) <= 32768;
const TYPES = [
  ['hello', [hello]],
  ['coalitions', [list(64, hash)]],
  ['compare', [set, bytes(16)]],
  ['same', [set]],
  ['differs', [set]],
  ['reconcile', [set, anyBytes]],
  ['reconciled', [set, anyBytes]],
  ['records', [number, messages]],
  ['taken', [number]],
  ['have', [list(1000, hash)]],
  ['want', [list(1000, hash)]],
  ['ask', [text, text]],
  ['offer', [anyBytes, hash]],
  ['join', []],
  ['welcome', [anyBytes, hash]],
  ['not_shared', [set, text]],
  ['shared', [set]],
  ['keys_wanted', [hash]],
  ['keys_given', [keyRecords]],
  ['aside_wanted', [set, number]],
  ['aside_given', [set, messages, number]],
];
const NUMBERS = new Map(TYPES.map(([name], i) => [name, i]));

export function readFrame(plain) {
  let value;
  try {
    value = decode(plain);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('bad_frame');
  }
  if (!Array.isArray(value) || !isInt(value[0]) || value[0] < 0) refuse('bad_frame');
  const [type, ...fields] = value;
  const shape = TYPES[type];
  if (!shape) return { type, name: null, fields }; // of a later version: skipped
  if (fields.length !== shape[1].length || !shape[1].every((test, i) => test(fields[i]))) refuse('bad_frame');
  return { type, name: shape[0], fields };
}

export const writeFrame = (name, ...fields) => encode([NUMBERS.get(name), ...fields]);
