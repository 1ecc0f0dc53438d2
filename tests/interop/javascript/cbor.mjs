// Deterministic CBOR (RFC 8949, 4.2.1) of the types that protocol.md allows, and nothing else.
// Integers become Number while they are safe and BigInt beyond; byte strings Uint8Array; maps Map.
import { Refusal } from './refusal.mjs';

const MAX_DEPTH = 8;
const MAX_ITEMS = 8192;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const TWO_64 = 1n << 64n;

export function compareBytes(a, b) {
  return Buffer.compare(a, b);
}

function head(major, n) {
  const m = major << 5;
  if (n < 24) return Buffer.from([m | Number(n)]);
  if (n < 0x100) return Buffer.from([m | 24, Number(n)]);
  if (n < 0x10000) {
    const out = Buffer.alloc(3);
    out[0] = m | 25;
    out.writeUInt16BE(Number(n), 1);
    return out;
  }
  if (n < 0x100000000) {
    const out = Buffer.alloc(5);
    out[0] = m | 26;
    out.writeUInt32BE(Number(n), 1);
    return out;
  }
  const out = Buffer.alloc(9);
  out[0] = m | 27;
  out.writeBigUInt64BE(BigInt(n), 1);
  return out;
}

export function encode(value) {
  if (value === false) return Buffer.from([0xf4]);
  if (value === true) return Buffer.from([0xf5]);
  if (value === null) return Buffer.from([0xf6]);
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) {
    if (value >= 0) {
      if (BigInt(value) >= TWO_64) throw new RangeError('integer too large');
      return head(0, value);
    }
    const n = -1n - BigInt(value);
    if (n >= TWO_64) throw new RangeError('integer too small');
    return head(1, n);
  }
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (typeof value === 'string') {
    const bytes = encoder.encode(value);
    return Buffer.concat([head(3, bytes.length), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(encode)]);
  const pairs = value instanceof Map ? [...value] : Object.entries(value);
  const encoded = pairs.map(([k, v]) => [encode(k), encode(v)]);
  encoded.sort((a, b) => compareBytes(a[0], b[0]));
  return Buffer.concat([head(5, encoded.length), ...encoded.flat()]);
}

class Reader {
  constructor(bytes) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = 0;
    this.items = 0;
  }

  take(n) {
    if (this.at + n > this.bytes.length) throw new Refusal('truncated');
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }

  // The argument behind an initial byte: its number, in the shortest form or not at all.
  argument(info) {
    if (info < 24) return info;
    let n;
    if (info === 24) n = this.take(1)[0];
    else if (info === 25) n = this.take(2).readUInt16BE();
    else if (info === 26) n = this.take(4).readUInt32BE();
    else {
      const big = this.take(8).readBigUInt64BE();
      if (big < 0x100000000n) throw new Refusal('not_deterministic');
      return big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : big;
    }
    if (n < [24, 0x100, 0x10000][info - 24]) throw new Refusal('not_deterministic');
    return n;
  }

  count(n) {
    if (n > this.bytes.length - this.at) throw new Refusal('truncated');
    this.items += n;
    if (this.items > MAX_ITEMS) throw new Refusal('too_long');
  }

  value(depth, asKey = false) {
    const first = this.take(1)[0];
    const major = first >> 5;
    const info = first & 31;
    if (asKey && major !== 0 && major !== 1 && major !== 2 && major !== 3) throw new Refusal('forbidden_type');
    if (major === 6) throw new Refusal('forbidden_type');
    if (major === 7) {
      if (info === 20) return false;
      if (info === 21) return true;
      if (info === 22) return null;
      throw new Refusal('forbidden_type');
    }
    if (info === 31 && major >= 2) throw new Refusal('indefinite_length');
    if (info > 27) throw new Refusal('forbidden_type');
    const n = this.argument(info);
    if (major === 0) return n;
    if (major === 1) {
      const big = -1n - BigInt(n);
      return big >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(big) : big;
    }
    if (major === 2) return Buffer.from(this.take(this.length(n)));
    if (major === 3) {
      try {
        return utf8.decode(this.take(this.length(n)));
      } catch (error) {
        if (error instanceof Refusal) throw error;
        throw new Refusal('bad_text');
      }
    }
    if (depth >= MAX_DEPTH) throw new Refusal('too_deep');
    return major === 4 ? this.list(n, depth + 1) : this.map(n, depth + 1);
  }

  length(n) {
    if (n > this.bytes.length - this.at) throw new Refusal('truncated');
    return Number(n);
  }

  list(n, depth) {
    this.count(n);
    const out = [];
    for (let i = 0; i < n; i++) out.push(this.value(depth));
    return out;
  }

  map(n, depth) {
    this.count(typeof n === 'bigint' ? n * 2n : n * 2);
    const out = new Map();
    let last = null;
    for (let i = 0; i < n; i++) {
      const start = this.at;
      const key = this.value(depth, true);
      const bytes = this.bytes.subarray(start, this.at);
      if (last) {
        const order = compareBytes(last, bytes);
        if (order === 0) throw new Refusal('duplicate_key');
        if (order > 0) throw new Refusal('key_order');
      }
      last = bytes;
      out.set(key, this.value(depth));
    }
    return out;
  }
}

// Decodes exactly one value; everything that is not its one encoding is refused with a code.
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.at < reader.bytes.length) throw new Refusal('trailing_bytes');
  return value;
}
