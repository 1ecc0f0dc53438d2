// What a node holds, and its judgement of records (protocol.md, Refusals, Edits, Keys, Coalitions). Everything that is
// held is worked out anew from all sound records that were offered, so the order of their coming cannot matter.
import { H, hex, sha256 } from './crypto.mjs';
import { Chains } from './keys.mjs';
import { KEY_RECORDS, ROSTER_ACTS } from './kinds.mjs';
import { applyQuota } from './quota.mjs';
import { actSigned, Roster } from './roster.mjs';
import { dayOf, readRecord, signedBy } from './records.mjs';
import { Refusal } from './refusal.mjs';

const NEVER_DAY = new Set([...KEY_RECORDS, ...ROSTER_ACTS, 'charter']);
// A standing with its proper nonce, whether or not the rest of it can be read.
function isStandingOf(record) {
  if (record.kind !== 'standing' || record.erased) return false;
  const post = record.body.get('post');
  return post instanceof Uint8Array && post.length === 32 && H('barnraise/1 standing', post).subarray(0, 16).equals(record.nonce);
}

// The thing whose slot and class a record counts under.
export function speaksOf(record) {
  if (record.kind === 'erasure') {
    const author = hex(record.body.get('seven')[2]);
    return { thing: record.erases, member: author !== record.homeHex };
  }
  if (isStandingOf(record)) return { thing: hex(record.body.get('post')), member: true };
  return { thing: record.thing, member: !record.own };
}

export class Store {
  // coalitions: [{id, anchor}], ids as hexadecimal text.
  constructor({ home, day, neighbors = [], coalitions = [] }) {
    Object.assign(this, { home, day, neighbors: new Set(neighbors), coalitions });
    this.offered = new Map(); // hash of the message: record
    this.refused = new Map(); // hash of the message: code, of what is never accepted
    this.charters = new Map(); // id of a coalition that is followed: the payload of its charter
    this.view = null;
  }

  // Follows a coalition from an anchor, an epoch that is known to be final.
  follow(charter, anchor) {
    this.coalitions.push({ id: charter.idHex, anchor });
    this.charters.set(charter.idHex, charter.payload);
    this.changed();
    return this.offer(charter.message);
  }

  changed() {
    this.view = null;
  }

  // Judges a message: null where it is in, else the code. What may pass later waits here.
  offer(message) {
    return this.offerAll([message])[0];
  }

  // Judges several messages at once.
  offerAll(messages) {
    const names = messages.map((message) => this.add(message));
    return names.map((name) => this.refused.get(name) ?? this.judge(name));
  }

  // Reads a message and puts it with the others, unless its bytes alone rule it out; returns its hash.
  add(message) {
    const name = hex(sha256(message));
    if (this.refused.has(name) || this.offered.has(name)) return name;
    try {
      this.offered.set(name, readRecord(message));
      this.changed();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refused.set(name, error.code);
    }
    return name;
  }

  judge(name) {
    const record = this.offered.get(name);
    const code = record ? this.codeOf(record) : 'expired';
    if (record && (code === 'expired' || code === 'wrong_signer')) {
      this.offered.delete(name);
      this.changed();
      if (code === 'wrong_signer') this.refused.set(name, code);
    }
    return code;
  }

  codeOf(record) {
    const view = this.derive();
    if (view.in.get(record.idHex)?.message.equals(record.message)) return null;
    const code = this.before(record, view) ?? view.codes.get(record);
    return code ?? (view.in.has(record.idHex) ? null : 'superseded');
  }

  setDay(day) {
    this.day = day;
    for (const [name, record] of this.offered) if (record.expires !== null && record.expires + 2 <= day) this.offered.delete(name);
    this.changed();
  }

  derive() {
    return (this.view ??= this.work());
  }

  work() {
    const all = [...this.offered.values()];
    const keyRecords = all.filter((record) => KEY_RECORDS.has(record.kind));
    const plain = new Chains(keyRecords);
    const view = { chains: plain, rosters: new Map(), needed: new Set([this.home, ...this.neighbors]), in: new Map(), codes: new Map() };
    const listed = new Set();
    for (const { id, anchor } of this.coalitions) {
      const charter = all.find((record) => record.kind === 'charter' && record.idHex === id);
      if (!charter?.readable || !plain.of(charter.homeHex)?.keys.some((key) => signedBy(charter, key))) continue;
      const acts = all.filter((record) => record.coalition === id && ROSTER_ACTS.has(record.kind));
      const roster = new Roster(charter, acts, plain, anchor);
      view.rosters.set(id, roster);
      for (const home of roster.homesNamed()) view.needed.add(home);
      for (const key of roster.listed()) listed.add(key);
    }
    view.chains = new Chains(keyRecords, listed);
    const candidates = all.filter((record) => this.before(record, view) === null);
    const aside = all.filter((record) => this.before(record, view) === 'old_key');
    this.select(candidates, view);
    // What is over the quota waits with its own home, and a mark with everybody.
    const waits = (r) => view.codes.get(r) === 'over_quota' && (r.erases || r.homeHex === this.home);
    this.setAside(aside, view);
    for (const record of candidates.filter(waits)) view.aside.set(record.idHex, record);
    return view;
  }

  // Steps 4 and 5 of the order of checks: everything but what is held. Null where it passes.
  before(record, view) {
    const { kind, homeHex } = record;
    const tomorrow = this.day + 1;
    if (kind === 'inception') return view.needed.has(homeHex) ? null : 'unknown_home';
    if (kind === 'rotation') return view.needed.has(homeHex) ? view.chains.verdict(record) : 'unknown_home';
    const chain = view.needed.has(homeHex) ? view.chains.of(homeHex) : null;
    if (kind !== 'contest') {
      if (!chain) return 'unknown_home';
      const known = ROSTER_ACTS.has(kind) ? actSigned(record, chain.all) : chain.keys.some((key) => signedBy(record, key));
      if (!known) return 'unknown_key';
    }
    const scope = this.scopeCode(record, view);
    if (scope) return scope;
    // What was taken on a clock that ran ahead stays.
    if (!NEVER_DAY.has(kind) && dayOf(record.created) > tomorrow && !record.taken) return 'not_yet';
    if (record.expires !== null && record.expires <= this.day) return this.overCode(record);
    const exempt = ROSTER_ACTS.has(kind) || kind === 'contest' || kind === 'charter' || (record.erased && !record.own);
    if (!exempt && !signedBy(record, chain.current)) return 'old_key';
    return null;
  }

  // What was taken before it was over stays two days more; what comes later is refused.
  overCode(record) {
    return record.taken ? null : 'expired';
  }

  scopeCode(record, view) {
    const { scopeType } = record;
    if (scopeType === 'local') return record.homeHex === this.home ? null : 'not_for_us';
    if (scopeType === 'pair') return record.pair.includes(this.home) ? null : 'not_for_us';
    const roster = view.rosters.get(record.coalition);
    if (!roster) return this.coalitions.some(({ id }) => id === record.idHex) ? null : 'not_for_us';
    if (record.kind === 'charter') return null;
    const homes = ROSTER_ACTS.has(record.kind) || record.kind === 'succession' || record.kind === 'contest' ? roster.named : roster.members;
    return homes.has(record.homeHex) ? null : 'not_a_member';
  }

  // Step 6: of the candidates those that are in; every other one gets its code.
  select(candidates, view) {
    const { codes } = view;
    const marks = new Map();
    const better = (a, b) => (a.erased !== b.erased ? a.erased : a.idHex < b.idHex);
    for (const record of candidates) {
      if (!record.erases) continue;
      const held = marks.get(record.erases);
      if (!held || better(record, held)) marks.set(record.erases, record);
    }
    view.marks = marks;
    const best = new Map();
    for (const record of candidates) {
      if (record.erases) {
        if (marks.get(record.erases).idHex !== record.idHex) codes.set(record, 'superseded');
        else best.set(`mark ${record.erases}`, record);
      } else if (marks.has(record.thing)) codes.set(record, 'erased');
      else this.keepBetter(best, record.thing, record, codes, (a, b) => a.edit > b.edit || (a.edit === b.edit && a.idHex > b.idHex));
    }
    const chosen = new Map();
    for (const record of best.values()) {
      const slot = isStandingOf(record) ? `${record.coalition} ${record.homeHex} ${hex(record.body.get('post'))}` : record.idHex;
      this.keepBetter(chosen, slot, record, codes, (a, b) => a.thing < b.thing);
    }
    for (const record of applyQuota([...chosen.values()], view, this.day)) {
      record.taken = true;
      view.in.set(record.idHex, record);
    }
  }

  keepBetter(map, slot, record, codes, isBetter) {
    const held = map.get(slot);
    if (!held || held.idHex === record.idHex || isBetter(record, held)) {
      if (held && held.idHex !== record.idHex) codes.set(held, 'superseded');
      map.set(slot, record);
    } else codes.set(record, 'superseded');
  }

  // What was signed with an earlier key and is not erased waits to be signed anew.
  setAside(records, view) {
    view.aside = new Map();
    for (const record of records) {
      if (view.in.has(record.idHex) || view.marks.has(record.erases ?? record.thing)) continue;
      view.aside.set(record.idHex, record);
    }
  }

  // The records of a set: [0, coalition] its roster, [1, coalition] its records, [2, home] a pair.
  set(type, id) {
    const view = this.derive();
    const records = [...view.in.values()];
    if (type === 2) return records.filter((r) => r.pair?.includes(id) && r.pair.includes(this.home));
    if (type === 1) return records.filter((r) => r.coalition === id && r.scopeType === 'coalition' && !ROSTER_ACTS.has(r.kind));
    const homes = view.rosters.get(id)?.homesNamed() ?? new Set();
    const isAct = (r) => r.coalition === id && (r.kind === 'charter' || ROSTER_ACTS.has(r.kind));
    return records.filter((r) => (KEY_RECORDS.has(r.kind) ? homes.has(r.homeHex) : isAct(r)));
  }
}
