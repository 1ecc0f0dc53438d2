// A session (sync.md, sections 2, 3 and 5) of one link, by the side that called: which sets are shared, comparing them,
// passing records. Emits 'welcome', 'same' (set), 'records' (count), 'shared' (set), 'refused' (code) and 'close'.
import { EventEmitter } from 'node:events';
import { blind, secretOf } from './blinds.mjs';
import { compareBytes } from './cbor.mjs';
import { hex, unhex } from './crypto.mjs';
import { readRecord } from './records.mjs';
import { Reconciler } from './negentropy.mjs';
import { Refusal } from './refusal.mjs';
import { fingerprintOf, itemsOf, windowOf } from './sets.mjs';

const BATCH_RECORDS = 200;
const BATCH_BYTES = 48 * 1024;
const BATCHES_IN_FLIGHT = 8;
const IDS_MAX = 1000;
const INLINE_MAX = 2048;
const SOON_MS = 2000;
const AGAIN_MS = 60000;
const RETRY_MS = 5000;
const PATIENCE_MS = 20000;
const TRIES_MAX = 3;
const setName = ([type, id]) => `${type} ${id ? hex(id) : ''}`;

export class Session extends EventEmitter {
  // invite: given where the call was made with an invitation that is not used up.
  constructor(link, store, { name, software, invite = null, day, floor = 0 }) {
    super();
    Object.assign(this, { link, store, invite, day, floor });
    this.theirs = null; // {day, floor} of their last hello
    this.theirBlinds = new Set();
    this.shared = new Map(); // name of a set: {set, live, talk, timer}
    this.tries = new Map(); // id: how often a comparison has found it since anything came of one
    this.soon = SOON_MS;
    this.outbox = [];
    this.queued = new Set();
    this.batch = 0;
    this.flying = new Set();
    this.limits = [BATCH_RECORDS, BATCHES_IN_FLIGHT];
    link.on('frame', (frame) => this.frame(frame));
    link.on('close', (reason) => {
      for (const state of this.shared.values()) clearTimeout(state.timer);
      this.emit('close', reason);
    });
    link.send('hello', new Map([[1, [1]], [2, []], [3, day], [4, floor], [5, name], [6, software]]));
  }

  frame({ name, fields }) {
    if (!this.theirs && name !== 'hello') throw new Refusal('unexpected_frame');
    this[`on_${name}`]?.(...fields);
  }

  on_hello(said) {
    if (!said.get(1).includes(1)) throw new Refusal('no_common_version');
    const first = !this.theirs;
    this.theirs = { day: said.get(3), floor: said.get(4), name: said.get(5) };
    const limits = said.get(7);
    if (limits) this.limits = [Math.min(BATCH_RECORDS, limits[0]), Math.min(BATCHES_IN_FLIGHT, limits[1])];
    if (!first) return;
    if (this.invite) this.link.send('join');
    this.nameCoalitions();
  }

  // Says the blinds of our coalitions, and works out what is shared now.
  nameCoalitions() {
    const secrets = [...this.store.charters.values()].map(secretOf);
    const blinds = secrets.map((secret) => blind(secret, this.link.hash, this.link.role)).sort(compareBytes);
    const said = blinds.map(hex).join();
    if (said !== this.said) this.link.send('coalitions', blinds);
    this.said = said;
    this.workOutShared();
  }

  on_coalitions(blinds) {
    this.theirBlinds = new Set(blinds.map(hex));
    this.workOutShared();
  }

  on_welcome(charter) {
    const record = readRecord(charter);
    if (!this.invite || record.kind !== 'charter' || !record.id.equals(this.invite.coalition)) throw new Refusal('bad_key_record');
    this.store.follow(record, hex(this.invite.epoch));
    this.invite = null;
    this.emit('welcome', record);
    this.nameCoalitions();
  }

  workOutShared() {
    const now = new Map();
    const { rosters } = this.store.derive();
    const peer = hex(this.link.peer.home);
    let inOne = false;
    for (const [id, payload] of this.store.charters) {
      if (!this.theirBlinds.has(hex(blind(secretOf(payload), this.link.hash, 'responder')))) continue;
      now.set(setName([0, unhex(id)]), [0, unhex(id)]);
      const members = rosters.get(id)?.members;
      if (!members?.has(peer) || !members.has(this.store.home)) continue;
      inOne = true;
      now.set(setName([1, unhex(id)]), [1, unhex(id)]);
    }
    if (inOne) now.set(setName([2]), [2]);
    for (const [name, state] of this.shared) {
      if (now.has(name)) continue;
      clearTimeout(state.timer);
      this.shared.delete(name);
    }
    for (const [name, set] of now) {
      if (this.shared.has(name)) continue;
      this.shared.set(name, { set, live: false, talk: null, timer: null });
      this.tryAgain();
      this.emit('shared', set);
      this.compare(name);
    }
  }

  recordsOf([type, id]) {
    return this.store.set(type, type === 2 ? hex(this.link.peer.home) : hex(id));
  }

  items(set) {
    const window = set[0] === 0 ? null : windowOf({ day: this.day, floor: this.floor }, this.theirs);
    return itemsOf(this.recordsOf(set), window);
  }

  compare(name) {
    const state = this.shared.get(name);
    if (!state || this.link.closed) return;
    clearTimeout(state.timer);
    state.talk = null;
    state.timer = setTimeout(() => this.compare(name), PATIENCE_MS);
    state.asked = fingerprintOf(this.items(state.set));
    this.link.send('compare', state.set, state.asked);
  }

  later(state, ms) {
    clearTimeout(state.timer);
    state.timer = setTimeout(() => this.compare(setName(state.set)), ms);
  }

  on_same(set) {
    const state = this.shared.get(setName(set));
    if (!state) return;
    state.live = true;
    state.equal = state.asked;
    state.asked = null;
    this.later(state, AGAIN_MS);
    this.emit('same', set);
  }

  on_differs(set) {
    const state = this.shared.get(setName(set));
    if (!state) return;
    state.asked = null;
    state.talk = new Reconciler(this.items(set), { initiator: true });
    this.link.send('reconcile', set, state.talk.start());
  }

  on_reconciled(set, message) {
    const state = this.shared.get(setName(set));
    if (!state?.talk) return;
    const next = state.talk.answer(message);
    if (next) return this.link.send('reconcile', set, next);
    const { have, need } = state.talk;
    state.talk = null;
    state.live = true;
    this.want(need.filter((id) => this.mayTry(hex(id))));
    this.queue(have.map(hex).filter((id) => this.mayTry(id)));
    this.later(state, this.soon);
    this.soon = Math.min(2 * this.soon, AGAIN_MS);
  }

  // A difference that nothing comes of, as one of the two refuses the record, is tried three times.
  mayTry(id) {
    const tries = this.tries.get(id) ?? 0;
    this.tries.set(id, tries + 1);
    return tries < TRIES_MAX;
  }

  tryAgain() {
    this.tries.clear();
    this.soon = SOON_MS;
  }

  on_not_shared(set) {
    const state = this.shared.get(setName(set));
    if (!state) return;
    state.asked = null;
    this.later(state, RETRY_MS);
  }

  // A comparison that is under way will be answered; one that was put off begins at once.
  on_shared(set) {
    const state = this.shared.get(setName(set));
    if (state && !state.asked && !state.talk && !state.equal) this.compare(setName(set));
  }

  // Whether a set is still what both sides last found equal.
  isEqual(set) {
    const state = this.shared.get(setName(set));
    return Boolean(state?.equal?.equals(fingerprintOf(this.items(set))));
  }

  want(ids) {
    for (let i = 0; i < ids.length; i += IDS_MAX) this.link.send('want', ids.slice(i, i + IDS_MAX));
  }

  on_have(ids) {
    const held = this.store.derive().in;
    const lacking = ids.filter((id) => !held.has(hex(id)));
    if (lacking.length) this.want(lacking);
  }

  on_want(ids) {
    const given = new Set([...this.shared.values()].flatMap(({ set }) => this.recordsOf(set)).map((r) => r.idHex));
    this.queue(ids.map(hex).filter((id) => given.has(id)));
  }

  queue(ids) {
    for (const id of ids) {
      if (this.queued.has(id)) continue;
      this.queued.add(id);
      this.outbox.push(id);
    }
    this.flush();
  }

  flush() {
    while (this.outbox.length && this.flying.size < this.limits[1]) {
      const messages = [];
      let size = 0;
      while (this.outbox.length && messages.length < this.limits[0]) {
        const record = this.store.derive().in.get(this.outbox[0]);
        if (record && messages.length && size + record.message.length > BATCH_BYTES) break;
        this.queued.delete(this.outbox.shift());
        if (!record) continue;
        messages.push(record.message);
        size += record.message.length;
      }
      if (!messages.length) continue;
      this.batch += 1;
      this.flying.add(this.batch);
      this.link.send('records', this.batch, messages);
    }
  }

  on_taken(batch) {
    this.flying.delete(batch);
    this.emit('taken', batch);
    this.flush();
  }

  on_records(batch, messages) {
    const codes = this.store.offerAll(messages);
    this.link.send('taken', batch);
    codes.filter((code) => code !== null).forEach((code) => this.emit('refused', code));
    const count = codes.filter((code) => code === null).length;
    if (count) this.tryAgain();
    this.emit('records', count);
    this.workOutShared();
  }

  // A record that was made here goes out at once where a set of it is live.
  publish(message) {
    const code = this.store.offer(message);
    if (code !== null) throw new Refusal(code);
    this.tryAgain();
    const record = readRecord(message);
    const holds = (set) => this.recordsOf(set).some((r) => r.idHex === record.idHex);
    const live = [...this.shared.values()].some((state) => state.live && holds(state.set));
    if (live && message.length <= INLINE_MAX) this.queue([record.idHex]);
    else if (live) this.link.send('have', [record.id]);
    return record;
  }
}
