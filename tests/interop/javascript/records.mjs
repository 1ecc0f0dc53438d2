// Records (protocol.md, A record): taking one apart, everything that its own bytes decide, and making one.
import { compareBytes, decode, encode } from './cbor.mjs';
import { H, hex, randomBytes, sha256, sign, unhex, verify } from './crypto.mjs';
import { KEY_RECORDS, KINDS, readable, UNKNOWN_DAYS } from './kinds.mjs';
import { refuse } from './refusal.mjs';

export const RECORD_SIZE_MAX = 8192;
export const EPOCH_2020 = 1577836800;
const HEAD = unhex('d8628440a0');
const SIGNATURE_HEAD = unhex('8343a10127a05840');
const isInt = (v) => typeof v === 'number' || typeof v === 'bigint';
const isBytes = (v, size) => v instanceof Uint8Array && v.length === size;
export const dayOf = (seconds) => Math.floor(seconds / 86400);

function expect(bytes, at, fixed) {
  const part = bytes.subarray(at, at + fixed.length);
  if (compareBytes(part, fixed.subarray(0, part.length)) !== 0) refuse('not_a_record');
  if (part.length < fixed.length) refuse('truncated');
  return at + fixed.length;
}

// The fixed bytes from left to right: returns the payload's bytes and the signatures.
function openEnvelope(bytes) {
  if (bytes.length > RECORD_SIZE_MAX) refuse('too_long');
  if (bytes.length === 0) refuse('not_a_record');
  let at = expect(bytes, 0, HEAD);
  if (at >= bytes.length) refuse('truncated');
  const head = bytes[at];
  let size;
  if (head === 0x58) {
    if (at + 2 > bytes.length) refuse('truncated');
    size = bytes[at + 1];
    if (size < 24) refuse('not_deterministic');
    at += 2;
  } else if (head === 0x59) {
    if (at + 3 > bytes.length) refuse('truncated');
    size = bytes.readUInt16BE(at + 1);
    if (size < 256) refuse('not_deterministic');
    at += 3;
  } else refuse('not_a_record');
  if (at + size > bytes.length) refuse('truncated');
  const payload = bytes.subarray(at, at + size);
  at += size;
  if (at >= bytes.length) refuse('truncated');
  const count = bytes[at] - 0x80;
  if (count < 0 || count > 23) refuse('not_a_record');
  if (count < 1 || count > 8) refuse('wrong_signatures');
  at += 1;
  const signatures = [];
  for (let i = 0; i < count; i++) {
    at = expect(bytes, at, SIGNATURE_HEAD);
    if (at + 64 > bytes.length) refuse('truncated');
    signatures.push(bytes.subarray(at, at + 64));
    at += 64;
  }
  if (at < bytes.length) refuse('trailing_bytes');
  return { payload, signatures };
}

const FIELDS_NEEDED = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12];

function checkFields(map) {
  if (!(map instanceof Map)) refuse('bad_field');
  if (!isInt(map.get(1))) refuse('bad_field');
  if (map.get(1) !== 1) refuse('unknown_version');
  for (const key of map.keys()) if (!(Number.isInteger(key) && key >= 1 && key <= 12)) refuse('bad_field');
  for (const key of FIELDS_NEEDED) if (!map.has(key)) refuse('bad_field');
  const kind = map.get(2);
  if (typeof kind !== 'string' || kind === '' || [...kind].length > 32) refuse('bad_field');
  const size = kind === 'inception' ? 0 : 32;
  if (!isBytes(map.get(4), size) || !isBytes(map.get(5), size) || !isBytes(map.get(6), 16)) refuse('bad_field');
  const created = map.get(7);
  if (!Number.isInteger(created) || created < EPOCH_2020 || created > EPOCH_2020 + 2 ** 31 - 1) refuse('bad_field');
  const expires = map.get(8);
  if (expires !== null && !(Number.isInteger(expires) && expires >= 0 && expires <= 60000)) refuse('bad_field');
  const edit = map.get(9);
  if (!Number.isInteger(edit) || edit < 0 || edit > 65535) refuse('bad_field');
  if (map.has(10) && map.get(10) !== true) refuse('bad_field');
  if (!(map.get(12) instanceof Map)) refuse('bad_field');
}

// 'local', 'pair', 'coalition' or 'keys'; other lists are reserved.
export function scopeName(scope) {
  if (!Array.isArray(scope)) return null;
  const [type, a, b] = scope;
  if (type === 0 && scope.length === 1) return 'local';
  if (type === 1 && scope.length === 3 && isBytes(a, 32) && isBytes(b, 32) && compareBytes(a, b) < 0) return 'pair';
  if (type === 2 && scope.length === 1) return 'keys';
  if (type === 2 && scope.length === 2 && isBytes(a, 32)) return 'coalition';
  return null;
}

const seven = (map) => [2, 3, 4, 5, 6, 7, 8].map((key) => map.get(key));
export const thingOf = (fields) => H('barnraise/1 thing', encode(fields));

// The record as an object; refused with a code where its encoding or its fields are not sound.
export function parse(message) {
  const bytes = Buffer.from(message);
  const { payload, signatures } = openEnvelope(bytes);
  const map = decode(payload);
  checkFields(map);
  const scope = map.get(3);
  const scopeType = scopeName(scope) ?? refuse('bad_scope');
  const behalf = map.get(11);
  if (map.has(11) && !(Array.isArray(behalf) && behalf.length === 2 && behalf.every((v) => isBytes(v, 32)))) refuse('bad_field');
  const kind = map.get(2);
  const id = sha256(payload);
  const home = kind === 'inception' ? id : map.get(5);
  const record = {
    message: bytes, payload, signatures, kind, scope, scopeType, behalf,
    id, idHex: hex(id), thing: hex(thingOf(seven(map))),
    home, homeHex: hex(home), author: kind === 'inception' ? id : map.get(4),
    nonce: map.get(6), created: map.get(7), expires: map.get(8), edit: map.get(9), erased: map.has(10), body: map.get(12),
    coalition: scopeType === 'coalition' ? hex(scope[1]) : kind === 'charter' ? hex(id) : null,
    pair: scopeType === 'pair' ? [hex(scope[1]), hex(scope[2])] : null,
  };
  record.authorHex = hex(record.author);
  record.own = record.authorHex === record.homeHex;
  record.readable = !record.erased && readable(kind, record.body);
  if (kind === 'erasure') record.erases = hex(thingOf(erasureFields(record)));
  else if (record.erased) record.erases = record.thing;
  return record;
}

// The seven fields of what an erasure erases; refused as bad_edit where it may not erase that. Only looked at once
// everything before it in the order of checks has been found sound, see checkKind.
function erasureFields(record) {
  const fields = record.body.get('seven');
  return Array.isArray(fields) ? fields : [];
}

function checkErasure(record) {
  const f = erasureFields(record);
  const fits = f.length === 7 && typeof f[0] === 'string' && f[0] !== '' && [...f[0]].length <= 32 && f[0] !== 'erasure' &&
    scopeName(f[1]) && compareBytes(encode(f[1]), encode(record.scope)) === 0 && isBytes(f[2], 32) && isBytes(f[3], 32) &&
    compareBytes(f[3], record.home) === 0 && isBytes(f[4], 16) && f[5] === record.created && f[6] === record.expires;
  if (!fits) refuse('bad_edit');
}

function checkLifetime(record, days) {
  if (days === null) {
    if (record.expires !== null) refuse('bad_lifetime');
    return;
  }
  if (record.expires === null) refuse('bad_lifetime');
  const life = record.expires - dayOf(record.created);
  if (life < 1 || life > days + 1) refuse('bad_lifetime');
}

function checkKind(record) {
  const { kind, scopeType, own } = record;
  const row = KINDS[kind];
  if (scopeType === 'keys' && !row?.scopes.includes('keys')) refuse('bad_scope');
  if (record.pair && !record.pair.includes(record.homeHex)) refuse('bad_scope');
  const free = kind === 'rotation' || kind === 'leave';
  if (row) {
    if (!row.scopes.includes(scopeType)) refuse('bad_scope');
    if ((row.signer === 'member' || row.signer === 'key') === own) refuse('wrong_signer');
    const count = row.signer === 'member' ? 2 : 1;
    if (!free && record.signatures.length !== count) refuse('wrong_signatures');
    if (!row.edits && (record.edit !== 0 || record.erased)) refuse('bad_edit');
  } else if (record.signatures.length !== (own ? 1 : 2)) refuse('wrong_signatures');
  if (record.behalf) {
    if (own) refuse('wrong_signer');
    if (scopeType !== 'local' && scopeType !== 'pair') refuse('bad_scope');
  }
  if (row) checkLifetime(record, row.days);
  else if (record.expires !== null) checkLifetime(record, UNKNOWN_DAYS);
  if (record.erased && (record.body.size > 0 || record.expires === null)) refuse('bad_edit');
  if (kind === 'erasure') checkErasure(record);
}

const ascending = (keys) => keys.every((key, i) => i === 0 || compareBytes(keys[i - 1], key) < 0);

function checkSignatures(record) {
  const { kind, body, payload, signatures } = record;
  if (KEY_RECORDS.has(kind)) {
    if (!record.readable) refuse('bad_key_record');
    const signers = kind === 'inception' ? [body.get('node_key')] : body.get('signers');
    if (!ascending(signers) || signers.length !== signatures.length) refuse('wrong_signatures');
    if (!signers.every((key, i) => verify(payload, signatures[i], key))) refuse('bad_signature');
    return;
  }
  if (!record.own && !verify(payload, signatures[0], record.author)) refuse('bad_signature');
  if (kind === 'leave') {
    const signers = record.readable ? body.get('signers') ?? [] : [];
    record.signers = signers;
    if (signers.length) {
      if (!ascending(signers) || signers.length !== signatures.length) refuse('bad_signature');
      if (!signers.every((key, i) => verify(payload, signatures[i], key))) refuse('bad_signature');
    } else if (signatures.length !== 1) refuse('wrong_signatures');
  }
}

// Everything that the bytes alone decide. What passes may still be refused by what is held.
export function readRecord(message) {
  const record = parse(message);
  checkKind(record);
  checkSignatures(record);
  return record;
}

const keyCache = new WeakMap();

// Whether the home's signature, which is the last one, is by this node key.
export function signedBy(record, nodeKey) {
  let known = keyCache.get(record);
  if (!known) keyCache.set(record, (known = new Map()));
  const name = hex(nodeKey);
  if (!known.has(name)) known.set(name, verify(record.payload, record.signatures.at(-1), nodeKey));
  return known.get(name);
}

// A payload with a signature by each key pair in turn.
export function assemble(payload, signers) {
  const size = payload.length < 256 ? [0x58, payload.length] : [0x59, payload.length >> 8, payload.length & 255];
  const signatures = signers.flatMap((pair) => [SIGNATURE_HEAD, sign(payload, pair)]);
  return Buffer.concat([HEAD, Buffer.from(size), payload, Buffer.from([0x80 + signers.length]), ...signatures]);
}

// Makes and signs a record; signers are key pairs in the order of the signatures.
export function makeRecord(fields, signers) {
  const map = new Map([
    [1, 1], [2, fields.kind], [3, fields.scope], [4, fields.author], [5, fields.home], [6, fields.nonce ?? randomBytes(16)],
    [7, fields.created], [8, fields.expires ?? null], [9, fields.edit ?? 0], [12, fields.body ?? {}],
  ]);
  if (fields.erased) map.set(10, true);
  return assemble(encode(map), signers);
}
