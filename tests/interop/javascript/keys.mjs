// Key chains (protocol.md, Keys): which node key of a neighborhood is in force, and which ever were.
import { H, hex } from './crypto.mjs';

const STEPS_MAX = 100; // the inception among them

// Whether the keys that signed are enough of a policy.
export function meets(policy, signers) {
  const hashes = new Set(policy.get('hashes').map(hex));
  const known = signers.filter((key) => hashes.has(hex(H('barnraise/1 recovery', key))));
  return known.length >= policy.get('threshold');
}

// Built from inceptions and rotations as read. listed: ids of key records that the epochs in the chain of a
// coalition list; where two rotations cite the same record, one that leads to a listed one comes first.
export class Chains {
  constructor(records, listed = new Set()) {
    this.records = new Map(records.map((record) => [record.idHex, record]));
    this.listed = listed;
    this.next = new Map(); // id of a key record: the rotations that cite it and meet its policy
    this.sound = new Set();
    const rotations = [...this.records.values()].filter((record) => record.kind === 'rotation');
    for (const record of this.records.values()) if (record.kind === 'inception') this.sound.add(record.idHex);
    for (let grown = true; grown; ) {
      grown = false;
      for (const record of rotations) {
        if (this.sound.has(record.idHex) || this.verdict(record) !== null) continue;
        this.sound.add(record.idHex);
        const previous = hex(record.body.get('previous'));
        if (!this.next.has(previous)) this.next.set(previous, []);
        this.next.get(previous).push(record);
        grown = true;
      }
    }
    this.chains = new Map();
  }

  // Why a rotation is not in its chain: 'unknown_key', 'wrong_signer', or null.
  verdict(record) {
    const previous = this.records.get(hex(record.body.get('previous')));
    if (!previous || !this.sound.has(previous.idHex) || previous.homeHex !== record.homeHex) return 'unknown_key';
    return meets(previous.body.get('recovery'), record.body.get('signers')) ? null : 'wrong_signer';
  }

  // A key record and all that follow it, on whatever branch.
  following(id) {
    const out = [];
    const stack = this.sound.has(id) ? [this.records.get(id)] : [];
    while (stack.length) {
      const record = stack.pop();
      out.push(record);
      stack.push(...(this.next.get(record.idHex) ?? []));
    }
    return out;
  }

  of(home) {
    if (!this.chains.has(home)) this.chains.set(home, this.work(home));
    return this.chains.get(home);
  }

  work(home) {
    let tip = this.records.get(home);
    if (!tip || tip.kind !== 'inception') return null;
    const inForce = [tip];
    while (inForce.length < STEPS_MAX) {
      const rivals = [...(this.next.get(tip.idHex) ?? [])].sort((a, b) => Buffer.compare(a.id, b.id));
      if (!rivals.length) break;
      tip = rivals.find((rival) => this.following(rival.idHex).some((r) => this.listed.has(r.idHex))) ?? rivals[0];
      inForce.push(tip);
    }
    const all = this.following(home);
    return { home, tip, current: tip.body.get('node_key'), inForce, all, keys: all.map((record) => record.body.get('node_key')) };
  }
}
