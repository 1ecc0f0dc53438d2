// A neighborhood of one's own: its keys, its inception, and the records that it and its members make.
import { H, keyPair, randomBytes } from './crypto.mjs';
import { dhPair } from './noise.mjs';
import { dayOf, makeRecord, readRecord } from './records.mjs';

const EMPTY = Buffer.alloc(0);
export const now = () => Math.floor(Date.now() / 1000);

// 32 buckets of 8 bytes over the things that are erased here (protocol.md, Who has applied it).
export function erasuresOf(marks, day) {
  const things = [...new Set(marks.filter((mark) => mark.expires > day).map((mark) => mark.erases))].sort();
  const buckets = Array.from({ length: 32 }, () => []);
  for (const thing of things) buckets[parseInt(thing.slice(0, 2), 16) >> 3].push(Buffer.from(thing, 'hex'));
  return Buffer.concat(buckets.map((bucket) => H('barnraise/1 erasures', Buffer.concat(bucket)).subarray(0, 8)));
}

export class Neighborhood {
  // Founded anew, with random keys.
  constructor(name) {
    this.name = name;
    this.nodePair = keyPair(randomBytes(32));
    this.recoveryPair = keyPair(randomBytes(32));
    this.noisePair = dhPair();
    this.prekey = dhPair();
    const inception = makeRecord(
      {
        kind: 'inception', scope: [2], author: EMPTY, home: EMPTY, created: now(),
        body: {
          node_key: this.nodePair.publicKey,
          recovery: { threshold: 1, hashes: [H('barnraise/1 recovery', this.recoveryPair.publicKey)] },
        },
      },
      [this.nodePair],
    );
    this.inception = readRecord(inception);
    this.home = this.inception.id;
    this.keyRecords = [inception];
  }

  newMember() {
    return keyPair(randomBytes(32));
  }

  // A record of a kind by a member, or by the neighborhood where member is null.
  say(kind, scope, days, body, { member = null, created = now(), ...rest } = {}) {
    const author = member ? member.publicKey : this.home;
    const fields = { kind, scope, author, home: this.home, created, expires: days === null ? null : dayOf(created) + days, body, ...rest };
    return makeRecord(fields, member ? [member, this.nodePair] : [this.nodePair]);
  }

  // The card with name and prekey; marks are those held in the coalition's set, whose erasure it thereby states.
  nodeCard(coalition, marks = []) {
    const at = now();
    return this.say('node', [2, coalition], 366, {
      name: this.name, prekey: this.prekey.publicKey, software: 'barnraise-peer 0.1.0', erasures: erasuresOf(marks, dayOf(at)), at,
    });
  }

  // Another version of a record, or with erase its author's mark.
  edit(message, member, body, { erase = false } = {}) {
    const old = readRecord(message);
    return makeRecord(
      {
        kind: old.kind, scope: old.scope, author: old.author, home: old.home, nonce: old.nonce, created: old.created,
        expires: old.expires, edit: old.edit + 1, body: erase ? {} : body, erased: erase,
      },
      member ? [member, this.nodePair] : [this.nodePair],
    );
  }
}
