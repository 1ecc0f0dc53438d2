// The vectors of records: single ones (encoding, envelope, judgement, in) and states that several come to.
import assert from 'node:assert';
import { accountsOf } from './accounts.mjs';
import { hex, keyPair, unhex } from './crypto.mjs';
import { claimStates } from './hours.mjs';
import { openParcel, readParcel } from './parcels.mjs';
import { postStates, promiseStates } from './promises.mjs';
import { assemble, parse } from './records.mjs';
import { fingerprintOf, itemsOf } from './sets.mjs';
import { Store } from './store.mjs';
import { attempt } from './vectors-links.mjs';

const setsOf = (store) =>
  JSON.stringify([[...store.derive().in.keys()].sort(), [...store.derive().aside.keys()].sort()]);

// A reader that opens each parcel it takes, and what is in it.
class Reader {
  constructor(reader, prekeys = []) {
    this.store = new Store(reader);
    this.prekeys = prekeys.map(([pub, secret]) => ({ publicKey: unhex(pub), privateKey: unhex(secret) }));
  }

  offer(message) {
    const code = this.store.offer(message);
    if (code === null && this.prekeys.length) this.unpack(message);
    return code;
  }

  unpack(message) {
    const record = [...this.store.derive().in.values()].find((r) => r.kind === 'parcel' && r.message.equals(message));
    if (!record || !record.readable) return;
    const { value } = attempt(() => openParcel(record, this.prekeys, unhex(this.store.home)));
    for (const inner of value?.records ?? []) this.offer(inner);
  }

  offerAll(messages) {
    for (let round = 0; round < 8; round++) {
      const before = setsOf(this.store);
      messages.forEach((message) => this.offer(message));
      if (setsOf(this.store) === before) return;
    }
  }
}

function readerOf(vector, held = vector.held) {
  const reader = new Reader(vector.reader, vector.prekeys);
  reader.offerAll(held.map(unhex));
  for (const message of held) assert.strictEqual(reader.offer(unhex(message)), null, 'held');
  return reader;
}

function single(vector) {
  for (const held of [vector.held, [...vector.held].reverse()]) {
    const reader = readerOf(vector, held);
    if (vector.stage !== 'in') {
      const before = setsOf(reader.store);
      const twice = [1, 2].map(() => reader.offer(unhex(vector.record)));
      assert.deepStrictEqual(twice, [vector.code, vector.code]);
      const after = JSON.parse(setsOf(reader.store));
      if (vector.code !== 'old_key') assert.deepStrictEqual(JSON.stringify(after), before);
      if (vector.sound !== undefined) assert.strictEqual(reader.offer(unhex(vector.sound)), null, 'sound');
      continue;
    }
    assert.strictEqual(reader.offer(unhex(vector.record)), null);
    const record = reader.store.derive().in.get(vector.id);
    assert.strictEqual(record?.thing, vector.thing);
  }
}

// The records that a vector says how to make: one payload, numbered, signed by these seeds in turn.
function manyOf({ payload, at, count, seeds }) {
  const pairs = seeds.map((seed) => keyPair(unhex(seed)));
  return Array.from({ length: count }, (_, number) => {
    const numbered = unhex(payload);
    numbered.writeUInt32BE(number, at);
    return assemble(numbered, pairs);
  });
}

// `many`: the ids of records that were made anew, of which `over` are in no set.
function checkState(store, want, many = new Set()) {
  const view = store.derive();
  const inside = [...view.in.keys()].sort();
  assert.deepStrictEqual(inside.filter((id) => !many.has(id)), want.in, 'in');
  assert.deepStrictEqual([...many].filter((id) => !view.in.has(id)).sort(), want.over ?? [], 'over');
  assert.deepStrictEqual([...view.aside.keys()].sort(), want.aside, 'aside');
  for (const { set: [type, id], ids, count, fingerprint } of want.sets) {
    const items = itemsOf(store.set(type, id));
    if (ids) assert.deepStrictEqual(items.map((item) => hex(item.id)), ids, `set ${type}`);
    else assert.strictEqual(items.length, count, `set ${type}`);
    assert.strictEqual(hex(fingerprintOf(items)), fingerprint);
  }
  for (const [home, key] of Object.entries(want.keys ?? {})) {
    const chain = view.chains.of(home);
    assert.deepStrictEqual([hex(chain.current), chain.tip.idHex], key, 'keys');
  }
  for (const [id, roster] of Object.entries(want.rosters ?? {})) {
    const r = view.rosters.get(id);
    const ours = { in_force: r.inForce, final: r.final, voters: r.voters, guests: r.guests, forks: r.forks, proposals: r.proposals };
    for (const key of ['voters', 'guests', 'forks']) {
      ours[key] = [...ours[key]].sort();
      roster[key].sort();
    }
    assert.deepStrictEqual(ours, roster);
  }
  const accounts = accountsOf(view);
  for (const [home, keys] of Object.entries(want.accounts ?? {})) {
    for (const [key, first] of Object.entries(keys)) assert.strictEqual(accounts.root(home, key), first, 'accounts');
    for (const key of Object.keys(accounts.stated()[home] ?? {})) assert.ok(key in keys, 'accounts');
  }
  if (want.claims) assert.deepStrictEqual(claimStates(view, accounts), want.claims);
  if (want.promises) assert.deepStrictEqual(promiseStates(view, accounts, store.day), want.promises);
  if (want.posts) assert.deepStrictEqual(postStates(view, accounts, store.day, store.home), want.posts);
}

// In this order, reversed, twice, and all mixed with what is held and once more at the end.
function orders(given) {
  const rotated = given.slice(1).concat(given.slice(0, 1));
  return [given, [...given].reverse(), [...given, ...given], rotated];
}

// As many as a quota allows, and one more: too many for this peer to judge after each.
function crowd(vector) {
  const many = manyOf(vector.many);
  const names = new Set(many.map((message) => parse(message).idHex));
  const reader = readerOf(vector);
  reader.store.offerAll(many);
  checkState(reader.store, vector.state, names);
}

function state(vector) {
  if (vector.many) return crowd(vector);
  const given = vector.given.map(unhex);
  for (const order of orders(given)) {
    const reader = readerOf(vector);
    order.forEach((message) => reader.offer(message));
    finish(reader, vector);
  }
  const mixed = new Reader(vector.reader, vector.prekeys);
  mixed.offerAll([...given, ...vector.held.map(unhex)].reverse());
  finish(mixed, vector);
}

function finish(reader, vector) {
  reader.store.derive();
  if (vector.later !== undefined) reader.store.setDay(vector.later);
  checkState(reader.store, vector.state);
}

function parcel(vector) {
  const prekeys = vector.prekeys.map(([pub, secret]) => ({ publicKey: unhex(pub), privateKey: unhex(secret) }));
  const { code, value } = attempt(() => readParcel(unhex(vector.sealed), prekeys));
  assert.strictEqual(code, vector.code);
  if (code) return;
  const opened = value && {
    sender: hex(value.sender), recipient: hex(value.recipient), nonce: hex(value.nonce), records: value.records.map(hex),
    ranges: value.ranges.map(([until, print]) => [until, hex(print)]),
  };
  assert.deepStrictEqual(opened, vector.opened);
}

export const recordCases = { encoding: single, envelope: single, judgement: single, in: single, state, parcel };
