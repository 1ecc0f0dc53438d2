// The roster of a coalition (protocol.md, Coalitions), worked out from its charter and roster acts.
import { hex } from './crypto.mjs';
import { meets } from './keys.mjs';
import { soundEpoch } from './kinds.mjs';
import { signedBy } from './records.mjs';

const hexes = (list) => (list ?? []).map(hex);

// Whether a roster act bears a key of these key records, or the recovery keys of one of their policies.
export function actSigned(act, keyRecords) {
  if (act.signers?.length) return keyRecords.some((record) => meets(record.body.get('recovery'), act.signers));
  return keyRecords.some((record) => signedBy(act, record.body.get('node_key')));
}

export class Roster {
  // acts: epochs, assents, sponsors and leaves of this coalition as read; anchor: an epoch known to be final, or null.
  constructor(charter, acts, chains, anchor) {
    this.chains = chains;
    this.charter = charter;
    this.acts = acts.filter((act) => this.chains.of(act.homeHex) && actSigned(act, this.chains.of(act.homeHex).all));
    this.epochs = new Map(); // id: a valid epoch, the charter being the first
    this.named = new Set(); // the homes whose roster acts are taken in
    this.addEpoch(charter, { voters: [charter.homeHex], guests: [], out: [], previous: null });
    this.kinds = (kind) => this.acts.filter((act) => act.kind === kind && act.readable && (kind !== 'epoch' || soundEpoch(act.body)));
    while (this.grow());
    this.follow(anchor);
    this.work();
  }

  addEpoch(record, lists) {
    const keys = new Map((record.body.get('keys') ?? []).map(([home, id]) => [hex(home), hex(id)]));
    this.epochs.set(record.idHex, { id: record.idHex, record, keys, ...lists });
    for (const home of [...lists.voters, ...lists.guests]) this.named.add(home);
  }

  // Whether an act counts under the keys that an epoch lists for its home, and those that follow.
  counts(act, epoch) {
    return actSigned(act, this.chains.following(epoch.keys.get(act.homeHex) ?? act.homeHex));
  }

  // One round of what has become valid; true while there is more.
  grow() {
    let grown = false;
    for (const record of this.kinds('epoch')) {
      if (this.epochs.has(record.idHex) || !this.named.has(record.homeHex)) continue;
      const previous = this.epochs.get(hex(record.body.get('previous')));
      if (!previous || !this.counts(record, previous)) continue;
      if (!this.carried(record.idHex, previous)) continue;
      const [voters, guests, out] = ['voters', 'guests', 'out'].map((name) => hexes(record.body.get(name)));
      this.addEpoch(record, { voters, guests, out, previous: previous.id });
      grown = true;
    }
    for (const act of this.kinds('sponsor')) {
      const guest = hex(act.body.get('guest'));
      const cited = this.epochs.get(hex(act.body.get('epoch')));
      if (this.named.has(guest) || !cited || !this.counts(act, cited)) continue;
      if (![...this.epochs.values()].some((e) => e.voters.includes(act.homeHex) || e.guests.includes(act.homeHex))) continue;
      this.named.add(guest);
      grown = true;
    }
    return grown;
  }

  // The voters of an epoch that said yes to a successor of it.
  yeses(id, previous) {
    const assents = this.kinds('assent').filter((act) => hex(act.body.get('epoch')) === id && this.counts(act, previous));
    return previous.voters.filter((voter) => assents.some((act) => act.homeHex === voter));
  }

  carried(id, previous) {
    const yes = this.yeses(id, previous);
    const left = previous.voters.filter((voter) => !yes.includes(voter) && this.leaves(voter, previous).length > 0);
    return yes.length * 2 > previous.voters.length - left.length;
  }

  leaves(home, epoch) {
    return this.kinds('leave').filter((act) => act.homeHex === home && hex(act.body.get('epoch')) === epoch.id && this.counts(act, epoch));
  }

  successors(id) {
    return [...this.epochs.values()].filter((epoch) => epoch.previous === id);
  }

  // The chain from the charter to the epoch in force, and the forks that were passed over.
  follow(anchor) {
    this.chain = [this.epochs.get(this.charter.idHex)];
    this.forks = [];
    if (anchor && !this.epochs.has(anchor)) return;
    const path = new Set();
    for (let epoch = this.epochs.get(anchor); epoch; epoch = this.epochs.get(epoch.previous)) path.add(epoch.id);
    while (this.chain.length < 5000) {
      const next = this.successors(this.chain.at(-1).id);
      if (!next.length) return;
      const rank = (epoch) => (path.has(epoch.id) ? 0 : this.successors(epoch.id).length ? 1 : 2);
      next.sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
      this.chain.push(next[0]);
      this.forks.push(...next.slice(1).map((epoch) => epoch.id));
    }
  }

  indexInChain(id) {
    return this.chain.findIndex((epoch) => epoch.id === id);
  }

  work() {
    const inForce = this.chain.at(-1);
    this.inForce = inForce.id;
    this.final = this.successors(inForce.id).length ? inForce.id : (this.chain.at(-2) ?? inForce).id;
    this.voters = inForce.voters.filter((home) => !this.hasLeft(home));
    const sponsored = this.sponsored();
    this.guests = [...new Set([...inForce.guests, ...sponsored])].filter((home) => !inForce.voters.includes(home) && !this.hasLeft(home));
    this.members = new Set([...this.voters, ...this.guests]);
    this.proposals = {};
    for (const record of this.kinds('epoch')) {
      if (this.epochs.has(record.idHex) || hex(record.body.get('previous')) !== inForce.id) continue;
      if (!this.named.has(record.homeHex) || !this.counts(record, inForce)) continue;
      this.proposals[record.idHex] = this.yeses(record.idHex, inForce).sort();
    }
  }

  // Sponsors by voters that cite an epoch in the chain: [guest, maker, index of the epoch].
  soundSponsors(makers) {
    return this.kinds('sponsor')
      .map((act) => ({ act, guest: hex(act.body.get('guest')), at: this.indexInChain(hex(act.body.get('epoch'))) }))
      .filter(({ act, at }) => at >= 0 && makers.includes(act.homeHex) && this.counts(act, this.chain[at]));
  }

  hasLeft(home) {
    return this.chain.some((epoch, at) => {
      if (!this.leaves(home, epoch).length) return false;
      const later = this.chain.slice(at + 1);
      if (later.some((e) => e.voters.includes(home) || e.guests.includes(home))) return false;
      return !this.soundSponsors(this.chain.at(-1).voters).some((s) => s.guest === home && s.at > at);
    });
  }

  sponsored() {
    const makers = new Map();
    for (const { act, guest, at } of this.soundSponsors(this.voters)) {
      if (this.chain.slice(at + 1).some((epoch) => epoch.out.includes(guest))) continue;
      if (!makers.has(guest)) makers.set(guest, new Set());
      makers.get(guest).add(act.homeHex);
    }
    const needed = this.voters.length <= 2 ? 1 : 2;
    return [...makers].filter(([, voters]) => voters.size >= needed).map(([guest]) => guest);
  }

  // The roster acts that are in the set, and every home that they name.
  actsIn() {
    return this.acts.filter((act) => this.named.has(act.homeHex));
  }

  homesNamed() {
    const homes = new Set([this.charter.homeHex]);
    for (const act of this.actsIn()) {
      homes.add(act.homeHex);
      if (!act.readable) continue;
      for (const name of ['voters', 'guests', 'out']) for (const home of hexes(act.body.get(name))) homes.add(home);
      if (act.kind === 'sponsor') homes.add(hex(act.body.get('guest')));
    }
    return homes;
  }

  // The key records that the epochs in the chain list.
  listed() {
    return this.chain.flatMap((epoch) => [...epoch.keys.values()]);
  }
}
