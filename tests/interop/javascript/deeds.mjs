// What a member of ours does in a coalition: a post and its edit and erasure, a promise, hours and their confirmation.
import { compareBytes } from './cbor.mjs';
import { hex } from './crypto.mjs';
import { sessionOf } from './hours.mjs';
import { now } from './neighborhood.mjs';
import { openParcel, sealParcel } from './parcels.mjs';
import { Refusal } from './refusal.mjs';
import { dayOf } from './records.mjs';
import { fingerprintOf, itemsOf } from './sets.mjs';

export class Member {
  // publish(event, message): gives a record to the link and says so; returns the record as read.
  constructor(us, store, publish) {
    Object.assign(this, { us, store, publish, pair: us.newMember(), opened: new Map() });
  }

  // Puts a need on the board, then edits and erases it as the options say; next() is awaited after each.
  async post(coalition, options, next) {
    const body = { type: 'need', what: 'help', category: 'rides', title: options.post };
    const member = this.pair;
    let message = this.us.say('post', [2, coalition], 30, body, { member });
    await this.publish('posted', message);
    await next();
    if (options.edit !== undefined) {
      message = this.us.edit(message, member, { ...body, title: options.edit, at: now() });
      await this.publish('edited', message);
      await next();
    }
    if (!options.erase) return;
    await this.publish('erased', this.us.edit(message, member, {}, { erase: true }));
    await next();
  }

  pairScope(other) {
    const [a, b] = [this.us.home, other].sort(compareBytes);
    return [1, a, b];
  }

  // The newest need of a home, or of any but these, or null.
  needOf(test) {
    const needs = [...this.store.derive().in.values()].filter(
      (r) => r.kind === 'post' && r.readable && r.scopeType === 'coalition' && test(r.homeHex) && r.body.get('type') === 'need',
    );
    return needs.sort((a, b) => b.created - a.created)[0] ?? null;
  }

  promise(post) {
    const body = { post: Buffer.from(post.thing, 'hex'), word: 'offered', slots: 1, name: 'Nil', at: now() };
    return this.publish('promised', this.us.say('commitment', this.pairScope(post.home), 60, body, { member: this.pair }));
  }

  // Sends what a pair's set holds to a neighborhood without a link, sealed in a record of the coalition.
  async sendParcel(coalition, other) {
    const cards = this.store.set(1, hex(coalition)).filter((r) => r.kind === 'node' && r.readable && r.home.equals(other));
    if (!cards.length) return null;
    const records = this.store.set(2, hex(other)).filter((r) => r.expires === null || r.expires > this.store.day);
    const content = {
      sender: this.us.home, recipient: other, records: records.map((r) => r.message),
      ranges: [[null, fingerprintOf(itemsOf(records))]],
    };
    const sealed = sealParcel(content, cards.at(-1).body.get('prekey'));
    return this.publish('parcel', this.us.say('parcel', [2, coalition], 29, { sealed }));
  }

  // Opens the parcels that are for us; what is in them passes the door like everything.
  openParcels() {
    const { opened } = this;
    for (const r of [...this.store.derive().in.values()]) {
      if (r.kind !== 'parcel' || !r.readable || r.home.equals(this.us.home) || opened.has(r.idHex)) continue;
      opened.set(r.idHex, null);
      let content = null;
      try {
        content = openParcel(r, [this.us.prekey], this.us.home);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
      if (!content) continue;
      const codes = content.records.map((message) => this.store.offer(message));
      opened.set(r.idHex, { from: r.homeHex, codes });
    }
  }

  // Says yes to every proposal, where we vote.
  async assentAll(coalition) {
    const roster = this.store.derive().rosters.get(hex(coalition));
    if (!roster?.voters.includes(hex(this.us.home))) return;
    for (const [epoch, yeses] of Object.entries(roster.proposals)) {
      if (yeses.includes(hex(this.us.home))) continue;
      await this.publish('assented', this.us.say('assent', [2, coalition], null, { epoch: Buffer.from(epoch, 'hex') }));
    }
  }

  // Claims minutes given to whoever made the post.
  claim(post, commitment, minutes) {
    const scope = this.pairScope(post.home);
    const giver = [this.us.home, this.pair.publicKey];
    const receiver = [post.home, post.author];
    const date = dayOf(now());
    const body = {
      session: sessionOf(scope, giver, receiver, date, 0), giver, receiver, minutes, date, category: post.body.get('category'),
      commitment: Buffer.from(commitment.thing, 'hex'),
    };
    return this.publish('claimed', this.us.say('hours', scope, null, body, { member: this.pair }));
  }

  // Confirms every claim of somebody else that names us as giver or receiver.
  async confirmAll() {
    const records = [...this.store.derive().in.values()].filter((r) => r.readable && r.pair);
    const confirmed = new Set(records.filter((r) => r.kind === 'confirm').map((r) => hex(r.body.get('claim'))));
    for (const r of records) {
      if (r.kind !== 'hours' || r.author.equals(this.pair.publicKey) || confirmed.has(r.idHex)) continue;
      if (!['giver', 'receiver'].some((side) => r.body.get(side)[1].equals(this.pair.publicKey))) continue;
      await this.publish('confirmed', this.us.say('confirm', r.scope, null, { claim: r.id }, { member: this.pair }));
    }
  }
}
