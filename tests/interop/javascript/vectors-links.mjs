// The vectors of a link: handshake, introduction, frame, window, blind, reconciliation, invite.
import assert from 'node:assert';
import { blind, secretOf } from './blinds.mjs';
import { hex, unhex } from './crypto.mjs';
import { readFrame, writeFrame } from './frames.mjs';
import { readIntroduction } from './introduction.mjs';
import { readInvite } from './invite.mjs';
import { Reconciler } from './negentropy.mjs';
import { dhPair, Handshake, readPrefix } from './noise.mjs';
import { readRecord } from './records.mjs';
import { Refusal, refuse } from './refusal.mjs';
import { windowOf } from './sets.mjs';

// Runs something and returns its refusal's code, or what it came to.
export function attempt(action) {
  try {
    return { value: action() };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { code: error.code };
  }
}

function expect(vector, action) {
  const { code, value } = attempt(action);
  assert.strictEqual(code, vector.code);
  return value;
}

const sideOf = (side) => ({ statics: dhPair(unhex(side.static)), ephemeral: dhPair(unhex(side.ephemeral)) });

function handshake(vector) {
  const invite = vector.invite_id === undefined ? null : unhex(vector.invite_id);
  const psk = vector.psk === undefined ? null : unhex(vector.psk);
  const messages = vector.messages.map(unhex);
  const I = new Handshake({ initiator: true, ...sideOf(vector.initiator), inviteId: invite, psk });
  const R = () => {
    const id = readPrefix(messages[0]);
    if (id && !(invite && id.equals(invite) && vector.code !== 'unknown_invite')) refuse('unknown_invite');
    return new Handshake({ initiator: false, ...sideOf(vector.responder), inviteId: id, psk: id ? psk : null });
  };
  const introductions = [Buffer.alloc(0), unhex(vector.responder.introduction), unhex(vector.initiator.introduction)];
  let responder;
  for (let i = 0; i < messages.length; i++) {
    const fails = vector.fails_at === i + 1;
    const writer = i === 1 ? responder : I;
    const written = writer.write(introductions[i]);
    if (!fails) assert.strictEqual(hex(written), hex(messages[i]));
    const { code, value } = attempt(() => {
      if (i === 0) responder = R();
      return (i === 1 ? I : responder).read(messages[i]);
    });
    if (fails) return assert.strictEqual(code, vector.code);
    assert.strictEqual(hex(value), hex(introductions[i]));
  }
  const [a, b] = [I.split(), responder.split()];
  if (vector.handshake_hash) assert.strictEqual(hex(a.hash), vector.handshake_hash);
  const { code } = attempt(() => {
    for (const frame of vector.frames) {
      const [from, to] = frame.from === 'initiator' ? [a, b] : [b, a];
      if (!vector.code) assert.strictEqual(hex(from.sending.seal(unhex(frame.plain))), frame.sealed);
      assert.strictEqual(hex(to.receiving.open(unhex(frame.sealed))), frame.plain);
    }
  });
  assert.strictEqual(code, vector.code);
}

function introduction(vector) {
  const held = vector.held.map((message) => readRecord(unhex(message)));
  const value = expect(vector, () => readIntroduction(unhex(vector.introduction), unhex(vector.noise_key), vector.day, held));
  if (!value) return;
  assert.deepStrictEqual([hex(value.home), hex(value.nodeKey), value.until], [vector.home, vector.node_key, vector.until]);
}

function fromJson(v) {
  if (Array.isArray(v)) return v.map(fromJson);
  if (v === null || typeof v !== 'object') return v;
  if (v.bytes !== undefined) return unhex(v.bytes);
  if (v.integer !== undefined) return BigInt(v.integer);
  return new Map(v.map.map(([key, value]) => [fromJson(key), fromJson(value)]));
}

function frame(vector) {
  const value = expect(vector, () => readFrame(unhex(vector.frame)));
  if (!value) return;
  assert.strictEqual(value.type, vector.type);
  assert.strictEqual(value.name ?? 'unknown', vector.name);
  if (!value.name) return;
  assert.strictEqual(hex(writeFrame(value.name, ...fromJson(vector.fields))), vector.frame);
  assert.strictEqual(hex(writeFrame(value.name, ...value.fields)), vector.frame);
}

// Whether a vector is of a frame that a later version has brought: this peer skips what the case is about.
export function isForeign(vector) {
  if (vector.stage !== 'frame' || vector.name === 'unknown') return false;
  const { value } = attempt(() => readFrame(unhex(vector.frame)));
  return value !== undefined && value.name === null;
}

function reconciliation(vector) {
  const items = (list) => list.map(([time, id]) => ({ time, id: unhex(id) }));
  if (vector.message !== undefined) {
    const side = new Reconciler(items(vector.ours ?? []), {
      initiator: vector.read_by === 'initiator', limit: vector.size_max ?? 0,
    });
    const value = expect(vector, () => side.answer(unhex(vector.message)));
    if (vector.reply !== undefined) assert.strictEqual(hex(value), vector.reply);
    return;
  }
  const ours = new Reconciler(items(vector.ours), { initiator: true, limit: vector.size_max });
  const theirs = new Reconciler(items(vector.theirs), { initiator: false, limit: vector.size_max });
  let message = ours.start();
  const said = [];
  for (let i = 0; message; i++) {
    said.push(hex(message));
    message = (i % 2 ? ours : theirs).answer(message);
  }
  assert.deepStrictEqual(said, vector.messages);
  const sorted = (ids) => [...new Set(ids.map((id) => (typeof id === 'string' ? id : hex(id))))].sort();
  assert.deepStrictEqual(sorted(ours.have), sorted(vector.have));
  assert.deepStrictEqual(sorted(ours.need), sorted(vector.need));
}

function invite(vector) {
  const value = expect(vector, () => readInvite(vector.invite));
  if (!value) return;
  assert.deepStrictEqual(value.addresses, vector.addresses);
  const names = { home: 'home', coalition: 'coalition', epoch: 'epoch', invite_id: 'inviteId', secret: 'secret', psk: 'psk' };
  for (const [theirs, ours] of Object.entries(names)) assert.strictEqual(hex(value[ours]), vector[theirs]);
}

function window(vector) {
  const side = ([day, floor]) => ({ day, floor });
  const value = windowOf(side(vector.ours), side(vector.theirs));
  assert.deepStrictEqual([value.createdBefore, value.expiresAfter], [vector.created_before, vector.expires_after]);
}

function blindCase(vector) {
  const secret = secretOf(unhex(vector.charter));
  assert.strictEqual(hex(secret), vector.secret);
  for (const role of ['initiator', 'responder']) {
    assert.strictEqual(hex(blind(secret, unhex(vector.handshake_hash), role)), vector[role]);
  }
}

export const linkCases = { handshake, introduction, frame, reconciliation, invite, window, blind: blindCase };
