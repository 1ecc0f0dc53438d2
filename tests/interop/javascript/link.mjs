// A link (sync.md, section 1): WebSocket, greeting, and sealed frames. What the frames say is session.mjs.
import { EventEmitter } from 'node:events';
import WebSocket from 'ws';
import { hex } from './crypto.mjs';
import { readFrame, writeFrame } from './frames.mjs';
import { makeIntroduction, readIntroduction } from './introduction.mjs';
import { Handshake, MESSAGE_SIZE_MAX } from './noise.mjs';
import { Refusal, refuse } from './refusal.mjs';

const HANDSHAKE_TIMEOUT_MS = 10000;
const CLOSE_CODE = 4000;
const INTRODUCTION_DAYS = 30;

// An address as people type it (sync.md, Addresses) as the WebSocket URL that is called.
export function urlOf(address) {
  let text = address.includes('://') ? address : `ws://${address}`;
  if (!address.includes('://') && !/:\d+$/.test(address)) text += ':8420';
  const url = new URL(text);
  if (url.username || url.password || url.search || url.hash) refuse('bad_input');
  url.protocol = { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' }[url.protocol];
  url.pathname = `${url.pathname.replace(/\/$/, '')}/link`;
  return url.href;
}

// Emits 'frame' ({type, name, fields}), 'sent' ({name, fields}) and 'close' (reason).
export class Link extends EventEmitter {
  constructor(socket, { sending, receiving, hash }, peer) {
    super();
    Object.assign(this, { socket, sending, receiving, hash, peer, role: 'initiator', closed: false });
    socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    socket.on('close', (code, reason) => {
      this.closed = true;
      this.emit('close', this.reason ?? String(reason));
    });
    socket.on('error', () => {});
  }

  receive(data, isBinary) {
    if (this.closed) return;
    try {
      if (!isBinary) refuse('bad_frame');
      const frame = readFrame(this.receiving.open(data));
      this.emit('frame', frame);
    } catch (error) {
      this.end(error instanceof Refusal ? error.code : 'internal');
      if (!(error instanceof Refusal)) throw error;
    }
  }

  send(name, ...fields) {
    if (this.closed) return;
    this.emit('sent', { name, fields });
    this.socket.send(this.sending.seal(writeFrame(name, ...fields)));
  }

  // Ends the link because of a fault, with its code; or without one, as whoever is done leaves.
  end(code = null) {
    if (this.closed) return;
    this.reason = code ?? 'closed';
    this.closed = true;
    if (code) this.socket.close(CLOSE_CODE, code);
    else this.socket.close(1000);
  }
}

// Calls a node. us: {home, nodePair, noisePair, keyRecords}; expected: the home that is meant to answer; invite: as
// read from its code, or null. day: today; held: the key records that are held.
export function call(address, { us, expected, invite = null, day, held }) {
  const handshake = new Handshake({
    initiator: true, statics: us.noisePair, inviteId: invite?.inviteId ?? null, psk: invite?.psk ?? null,
  });
  const socket = new WebSocket(urlOf(address), { perMessageDeflate: false, maxPayload: MESSAGE_SIZE_MAX, followRedirects: false });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new Refusal('link_timeout')), HANDSHAKE_TIMEOUT_MS);
    const fail = (error) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => {});
      if (socket.readyState === WebSocket.OPEN) socket.close(CLOSE_CODE, error.code ?? 'internal');
      else socket.terminate();
      reject(error);
    };
    socket.once('open', () => socket.send(handshake.write()));
    socket.once('error', fail);
    socket.once('close', (code, reason) => fail(new Refusal(String(reason) || 'bad_handshake')));
    socket.once('message', (data, isBinary) => {
      try {
        if (!isBinary) refuse('bad_handshake');
        const payload = handshake.read(data);
        const peer = readIntroduction(payload, handshake.rs, day, held);
        if (hex(peer.home) === hex(us.home) || hex(peer.home) !== hex(expected)) refuse('wrong_peer');
        const introduction = makeIntroduction({
          home: us.home, nodePair: us.nodePair, noiseKey: us.noisePair.publicKey, until: day + INTRODUCTION_DAYS, keyRecords: us.keyRecords,
        });
        socket.send(handshake.write(introduction));
        clearTimeout(timer);
        socket.removeAllListeners();
        resolve(new Link(socket, handshake.split(), peer));
      } catch (error) {
        fail(error);
      }
    });
  });
}
