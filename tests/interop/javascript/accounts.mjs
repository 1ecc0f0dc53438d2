// Accounts (protocol.md, Accounts): which keys of a home belong to one person, by successions and contests.
import { encode } from './cbor.mjs';
import { H, hex, unhex } from './crypto.mjs';

const stepHash = ({ home, old, next }) => hex(H('barnraise/1 step', encode([home, old, next].map(unhex))));
const stepName = (home, old, next) => `${home} ${old} ${next}`;

export function accountsOf(view) {
  const records = [...view.in.values()].filter((r) => r.readable);
  const steps = new Map();
  const contests = new Map(); // step: [{id, author}]
  for (const record of records) {
    if (record.kind !== 'succession' && record.kind !== 'contest') continue;
    const [old, next] = ['old', 'new'].map((name) => hex(record.body.get(name)));
    const name = stepName(record.homeHex, old, next);
    if (record.kind === 'contest') {
      if (!contests.has(name)) contests.set(name, []);
      contests.get(name).push({ id: record.idHex, author: record.authorHex });
      continue;
    }
    if (!steps.has(name)) steps.set(name, { name, home: record.homeHex, old, next, said: [] });
    steps.get(name).said.push(record);
  }
  for (const step of steps.values()) {
    step.hash = stepHash(step);
    step.contesting = contesting(step, contests.get(step.name) ?? [], records, view);
  }
  return new Accounts([...steps.values()]);
}

// The keys whose contests of a step stand unanswered.
function contesting(step, contests, records, view) {
  const answered = new Set();
  for (const record of step.said) {
    const roster = record.scopeType === 'coalition' ? view.rosters.get(record.coalition) : null;
    if (!roster) continue;
    const voters = new Set(roster.chain.flatMap((epoch) => epoch.voters));
    const carried = records.some((r) => r.kind === 'assent' && r.coalition === record.coalition && r.homeHex !== step.home &&
      voters.has(r.homeHex) && hex(r.body.get('epoch')) === record.idHex);
    if (!carried) continue;
    for (const id of (record.body.get('contests') ?? []).map(hex)) {
      const contest = contests.find((c) => c.id === id);
      if (contest) answered.add(contest.author);
    }
  }
  return new Set(contests.map((c) => c.author).filter((author) => !answered.has(author)));
}

class Accounts {
  constructor(steps) {
    this.keys = new Map(); // home: keys that a succession names
    this.before = new Map(); // "home key": the step that leads to it
    for (const { home, old, next } of steps) {
      if (!this.keys.has(home)) this.keys.set(home, new Set());
      this.keys.get(home).add(old).add(next);
    }
    const left = steps.filter((step) => !step.contesting.has(step.old) && !step.contesting.has(step.next));
    for (const step of left.sort((a, b) => (a.hash < b.hash ? -1 : 1))) {
      const slot = `${step.home} ${step.next}`;
      if (!this.before.has(slot)) this.before.set(slot, step);
    }
    this.dropCycles();
    this.dropContested();
  }

  dropCycles() {
    const inCycle = [];
    for (const [slot, step] of this.before) {
      const seen = new Set();
      let at = step;
      while (at && !seen.has(at)) {
        seen.add(at);
        at = this.before.get(`${at.home} ${at.old}`);
        if (at === step) {
          inCycle.push(slot);
          break;
        }
      }
    }
    for (const slot of inCycle) this.before.delete(slot);
  }

  dropContested() {
    const void_ = [];
    for (const [slot, step] of this.before) {
      const root = this.root(step.home, step.old);
      const others = [...step.contesting].filter((key) => this.keys.get(step.home).has(key));
      if (others.some((key) => this.root(step.home, key) === root)) void_.push(slot);
    }
    for (const slot of void_) this.before.delete(slot);
  }

  root(home, key) {
    for (let step; (step = this.before.get(`${home} ${key}`)); ) key = step.old;
    return key;
  }

  depth(home, key) {
    let depth = 0;
    for (let step; (step = this.before.get(`${home} ${key}`)); depth++) key = step.old;
    return depth;
  }

  // The name of the account that a stated [home, key] speaks for.
  account(home, key) {
    return `${home} ${this.root(home, key)}`;
  }

  stated() {
    const out = {};
    for (const [home, keys] of this.keys) out[home] = Object.fromEntries([...keys].map((key) => [key, this.root(home, key)]));
    return out;
  }
}
