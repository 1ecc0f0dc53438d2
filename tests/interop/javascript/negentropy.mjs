// Negentropy v1 (sync.md, sections 3 and 4): fingerprints, messages, and the talk of the two sides.
import { compareBytes } from './cbor.mjs';
import { sha256 } from './crypto.mjs';
import { refuse } from './refusal.mjs';

const VERSION = 0x61;
const BUCKETS = 16;
const RANGES_MAX = 4096;
const RESERVE = 200;
const SKIP = 0;
const FINGERPRINT = 1;
const IDS = 2;
const INFINITY = (1n << 64n) - 1n;
const TWO_256 = 1n << 256n;
export const MESSAGE_MAX = 60000;

export function varint(n) {
  let value = BigInt(n);
  const out = [Number(value & 127n)];
  for (value >>= 7n; value > 0n; value >>= 7n) out.unshift(Number(value & 127n) | 128);
  return Buffer.from(out);
}

// Items are {time, id}; sorted by time, then id.
export const compareItems = (a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : compareBytes(a.id, b.id));

export function fingerprint(items, from = 0, to = items.length) {
  let sum = 0n;
  for (let i = from; i < to; i++) sum += BigInt('0x' + Buffer.from(items[i].id).reverse().toString('hex'));
  const bytes = Buffer.from((sum % TWO_256).toString(16).padStart(64, '0'), 'hex').reverse();
  return sha256(bytes, varint(to - from)).subarray(0, 16);
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
    this.time = 0n;
  }

  take(n) {
    if (this.at + n > this.bytes.length) refuse('bad_reconciliation');
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }

  varint() {
    let value = 0n;
    for (let i = 0; ; i++) {
      const byte = this.take(1)[0];
      if (i === 0 && byte === 128) refuse('bad_reconciliation');
      value = (value << 7n) | BigInt(byte & 127);
      if (value > INFINITY) refuse('bad_reconciliation');
      if (byte < 128) return value;
    }
  }

  bound() {
    const difference = this.varint();
    const infinite = difference === 0n;
    const time = infinite ? INFINITY : this.time + difference - 1n;
    if (!infinite && time >= INFINITY) refuse('bad_reconciliation');
    const length = this.varint();
    if (length > 32n) refuse('bad_reconciliation');
    if (!infinite) this.time = time;
    const prefix = Buffer.from(this.take(Number(length)));
    return { time, prefix, id: Buffer.concat([prefix, Buffer.alloc(32 - prefix.length)]) };
  }
}

// A message as its ranges; beyond infinity nothing may follow but bounds at infinity.
function readRanges(message) {
  const reader = new Reader(message);
  reader.at = 1;
  const ranges = [];
  let last = null;
  while (reader.at < message.length) {
    if (ranges.length === RANGES_MAX) refuse('bad_reconciliation');
    const bound = reader.bound();
    if (last && (bound.time < last.time || (bound.time === last.time && bound.time !== INFINITY && compareBytes(bound.id, last.id) < 0))) {
      refuse('bad_reconciliation');
    }
    last = bound;
    const mode = reader.varint();
    const range = { bound, mode: Number(mode) };
    if (mode === 1n) range.fingerprint = Buffer.from(reader.take(16));
    else if (mode === 2n) {
      const count = reader.varint();
      if (count * 32n > BigInt(message.length - reader.at)) refuse('bad_reconciliation');
      range.ids = [];
      for (let i = 0n; i < count; i++) range.ids.push(Buffer.from(reader.take(32)));
    } else if (mode !== 0n) refuse('bad_reconciliation');
    ranges.push(range);
  }
  return ranges;
}

const END = { time: INFINITY, prefix: Buffer.alloc(0), id: Buffer.alloc(32) };

// The shortest bound that parts the item before from the item behind.
function between(before, behind) {
  if (before.time !== behind.time) return { time: behind.time, prefix: Buffer.alloc(0) };
  let common = 0;
  while (common < 32 && before.id[common] === behind.id[common]) common += 1;
  return { time: behind.time, prefix: behind.id.subarray(0, common + 1) };
}

class Writer {
  constructor() {
    this.parts = [Buffer.from([VERSION])];
    this.size = 1;
    this.time = 0n;
    this.skipTo = null;
  }

  encodeRange(bound, mode, payload) {
    const time = bound.time === INFINITY ? 0n : bound.time - this.time + 1n;
    if (bound.time !== INFINITY) this.time = bound.time;
    return Buffer.concat([varint(time), varint(bound.prefix.length), bound.prefix, varint(mode), payload]);
  }

  push(bytes) {
    this.parts.push(bytes);
    this.size += bytes.length;
  }

  skip(bound) {
    this.skipTo = bound;
  }

  range(bound, mode, payload) {
    if (this.skipTo) this.push(this.encodeRange(this.skipTo, SKIP, Buffer.alloc(0)));
    this.skipTo = null;
    this.push(this.encodeRange(bound, mode, payload));
  }

  mark() {
    return [this.parts.length, this.size, this.time, this.skipTo];
  }

  back([parts, size, time, skipTo]) {
    this.parts.length = parts;
    this.size = size;
    this.time = time;
    this.skipTo = skipTo;
  }

  finish() {
    return Buffer.concat(this.parts);
  }
}

const idsPayload = (items, from, to) => Buffer.concat([varint(to - from), ...items.slice(from, to).map((item) => item.id)]);

export class Reconciler {
  constructor(items, { initiator, limit = MESSAGE_MAX }) {
    this.items = items.map((item) => ({ time: BigInt(item.time), id: Buffer.from(item.id) })).sort(compareItems);
    this.initiator = initiator;
    this.limit = limit;
    this.have = [];
    this.need = [];
  }

  // The index of the first item at or behind a bound.
  indexOf(bound, from) {
    if (bound.time === INFINITY) return this.items.length;
    let low = from;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareItems(this.items[middle], bound) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  split(writer, from, to, bound) {
    const count = to - from;
    if (count < BUCKETS * 2) {
      writer.range(bound, IDS, idsPayload(this.items, from, to));
      return;
    }
    const each = Math.floor(count / BUCKETS);
    const more = count % BUCKETS;
    let at = from;
    for (let i = 0; i < BUCKETS; i++) {
      const next = at + each + (i < more ? 1 : 0);
      const end = next === to ? bound : between(this.items[next - 1], this.items[next]);
      writer.range(end, FINGERPRINT, fingerprint(this.items, at, next));
      at = next;
    }
  }

  start() {
    const writer = new Writer();
    this.split(writer, 0, this.items.length, END);
    return writer.finish();
  }

  over(writer) {
    return this.limit > 0 && writer.size > this.limit - RESERVE;
  }

  // Answers a message; null where the initiator is done.
  answer(message) {
    if (message.length === 0 || message[0] < 0x60 || message[0] > 0x6f) refuse('bad_reconciliation');
    if (message[0] !== VERSION) return this.initiator ? refuse('bad_reconciliation') : Buffer.from([VERSION]);
    const writer = new Writer();
    let from = 0;
    for (const range of readRanges(message)) {
      const to = Math.max(from, this.indexOf(range.bound, from));
      const mark = writer.mark();
      const listed = this.one(writer, range, from, to);
      if (this.over(writer)) {
        // What was left unsaid is covered by one closing fingerprint up to infinity.
        if (listed === null) writer.back(mark);
        const wasEmpty = listed === null && (range.ids?.length === 0 || range.fingerprint?.equals(fingerprint([])));
        writer.skipTo = null;
        writer.range(END, FINGERPRINT, fingerprint(this.items, listed ?? (wasEmpty ? from : to)));
        break;
      }
      from = to;
    }
    const out = writer.finish();
    return this.initiator && out.length === 1 ? null : out;
  }

  // The answer to one range. Returns up to which item an id list went, or null where it was none.
  one(writer, range, from, to) {
    if (range.mode === SKIP) writer.skip(range.bound);
    else if (range.mode === FINGERPRINT) {
      if (fingerprint(this.items, from, to).equals(range.fingerprint)) writer.skip(range.bound);
      else this.split(writer, from, to, range.bound);
    } else if (this.initiator) {
      this.learn(range.ids, from, to);
      writer.skip(range.bound);
    } else return this.list(writer, range.bound, from, to);
    return null;
  }

  learn(ids, from, to) {
    const theirs = new Map(ids.map((id) => [id.toString('hex'), id]));
    for (let i = from; i < to; i++) {
      const name = this.items[i].id.toString('hex');
      if (!theirs.delete(name)) this.have.push(this.items[i].id);
    }
    this.need.push(...theirs.values());
  }

  // The id list of a range, cut at the item at which the message comes within the reserve of its limit.
  list(writer, bound, from, to) {
    let end = to;
    if (this.limit > 0) {
      const room = this.limit - RESERVE - writer.size;
      end = Math.min(to, from + (room < 0 ? 0 : Math.floor(room / 32) + 1));
    }
    const cutAt = end < to ? { time: this.items[end].time, prefix: this.items[end].id } : bound;
    writer.range(cutAt, IDS, idsPayload(this.items, from, end));
    return end;
  }
}
