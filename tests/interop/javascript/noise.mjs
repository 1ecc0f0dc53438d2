// Noise_XX_25519_ChaChaPoly_SHA256 and Noise_XXpsk3_… (Noise revision 34), as sync.md, Greeting, uses them.
import { hmac, randomBytes, sha256, sodium } from './crypto.mjs';
import { Refusal, refuse } from './refusal.mjs';

const EMPTY = Buffer.alloc(0);
const PROLOGUE = Buffer.from('barnraise/1 link\0', 'ascii');
const TAG = 16;
export const MESSAGE_SIZE_MAX = 65535;

export function dhPair(privateKey = randomBytes(32)) {
  return { privateKey, publicKey: Buffer.from(sodium.crypto_scalarmult_base(privateKey)) };
}

function dh(pair, publicKey) {
  let shared;
  try {
    shared = sodium.crypto_scalarmult(pair.privateKey, publicKey);
  } catch {
    refuse('bad_handshake'); // an all-zero shared secret
  }
  if (shared.every((byte) => byte === 0)) refuse('bad_handshake');
  return Buffer.from(shared);
}

export class CipherState {
  constructor(key) {
    this.key = key;
    this.n = 0;
  }

  nonce() {
    const out = Buffer.alloc(12);
    out.writeBigUInt64LE(BigInt(this.n), 4);
    return out;
  }

  seal(plain, ad = EMPTY) {
    const out = sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plain, ad, null, this.nonce(), this.key);
    this.n += 1;
    return Buffer.from(out);
  }

  open(sealed, ad = EMPTY) {
    if (sealed.length < TAG) refuse('bad_frame');
    try {
      const out = sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, ad, this.nonce(), this.key);
      this.n += 1;
      return Buffer.from(out);
    } catch {
      refuse('bad_frame');
    }
  }
}

function hkdf(key, input, outputs) {
  const temp = hmac(key, input);
  const out = [hmac(temp, Buffer.from([1]))];
  for (let i = 2; i <= outputs; i++) out.push(hmac(temp, out.at(-1), Buffer.from([i])));
  return out;
}

const PATTERN = [['e'], ['e', 'ee', 's', 'es'], ['s', 'se']];

// The prefix before the first message: 00, or 01 and the invitation's id.
export const prefixOf = (inviteId) => (inviteId ? Buffer.concat([Buffer.from([1]), inviteId]) : Buffer.from([0]));

export class Handshake {
  constructor({ initiator, statics, ephemeral = dhPair(), inviteId = null, psk = null, prologue = null }) {
    this.initiator = initiator;
    this.s = statics;
    this.e = ephemeral;
    this.psk = psk;
    this.prefix = prefixOf(inviteId);
    const name = Buffer.from(psk ? 'Noise_XXpsk3_25519_ChaChaPoly_SHA256' : 'Noise_XX_25519_ChaChaPoly_SHA256', 'ascii');
    this.h = name.length <= 32 ? Buffer.concat([name, Buffer.alloc(32 - name.length)]) : sha256(name);
    this.ck = this.h;
    this.cipher = null;
    this.turn = 0;
    this.mixHash(prologue ?? Buffer.concat([PROLOGUE, this.prefix]));
  }

  mixHash(data) {
    this.h = sha256(this.h, data);
  }

  mixKey(input) {
    const [ck, key] = hkdf(this.ck, input, 2);
    this.ck = ck;
    this.cipher = new CipherState(key);
  }

  mixKeyAndHash(input) {
    const [ck, hash, key] = hkdf(this.ck, input, 3);
    this.ck = ck;
    this.mixHash(hash);
    this.cipher = new CipherState(key);
  }

  encryptAndHash(plain) {
    const out = this.cipher ? this.cipher.seal(plain, this.h) : Buffer.from(plain);
    this.mixHash(out);
    return out;
  }

  decryptAndHash(data) {
    const out = this.cipher ? this.cipher.open(data, this.h) : Buffer.from(data);
    this.mixHash(data);
    return out;
  }

  mixDh(token) {
    const mine = token[this.initiator ? 0 : 1];
    const theirs = token[this.initiator ? 1 : 0];
    this.mixKey(dh(mine === 'e' ? this.e : this.s, theirs === 'e' ? this.re : this.rs));
  }

  // Writes the next message; of the first one the prefix is part.
  write(payload = EMPTY) {
    const tokens = PATTERN[this.turn];
    const out = this.turn === 0 ? [this.prefix] : [];
    for (const token of tokens) {
      if (token === 'e') {
        out.push(this.e.publicKey);
        this.mixHash(this.e.publicKey);
        if (this.psk) this.mixKey(this.e.publicKey);
      } else if (token === 's') out.push(this.encryptAndHash(this.s.publicKey));
      else this.mixDh(token);
    }
    if (this.turn === 2 && this.psk) this.mixKeyAndHash(this.psk);
    out.push(this.encryptAndHash(payload));
    this.turn += 1;
    return Buffer.concat(out);
  }

  // Reads the next message and returns its payload; whatever is wrong is bad_handshake.
  read(message) {
    try {
      return this.readTokens(message);
    } catch (error) {
      if (error instanceof Refusal) throw new Refusal('bad_handshake');
      throw error;
    }
  }

  readTokens(message) {
    let at = 0;
    const take = (n) => {
      if (at + n > message.length) refuse('bad_handshake');
      at += n;
      return Buffer.from(message.subarray(at - n, at));
    };
    if (this.turn === 0 && !take(this.prefix.length).equals(this.prefix)) refuse('bad_handshake');
    for (const token of PATTERN[this.turn]) {
      if (token === 'e') {
        this.re = take(32);
        dh(this.e, this.re); // refuses a key of small order at once, not only when it is first mixed in
        this.mixHash(this.re);
        if (this.psk) this.mixKey(this.re);
      } else if (token === 's') this.rs = this.decryptAndHash(take(this.cipher ? 32 + TAG : 32));
      else this.mixDh(token);
    }
    if (this.turn === 2 && this.psk) this.mixKeyAndHash(this.psk);
    const payload = this.decryptAndHash(message.subarray(at));
    if (this.turn === 0 && payload.length) refuse('bad_handshake');
    this.turn += 1;
    return payload;
  }

  // The two directions after the third message: [sending, receiving], and the handshake hash.
  split() {
    const [a, b] = hkdf(this.ck, EMPTY, 2).map((key) => new CipherState(key));
    return { sending: this.initiator ? a : b, receiving: this.initiator ? b : a, hash: this.h };
  }
}

// What a responder learns from the prefix of the first message: the invitation's id, or null without one.
export function readPrefix(message) {
  if (message.length > 0 && message[0] === 0) return null;
  if (message.length >= 17 && message[0] === 1) return Buffer.from(message.subarray(1, 17));
  return refuse('bad_handshake');
}
