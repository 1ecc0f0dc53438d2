// Invitation codes (protocol.md, Invitation codes).
import { decode } from './cbor.mjs';
import { H, sha256 } from './crypto.mjs';
import { refuse } from './refusal.mjs';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function base32(text) {
  let bits = 0;
  let value = 0;
  const out = [];
  for (const letter of text) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) refuse('bad_code');
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push((value >> bits) & 255);
    }
  }
  if (bits >= 5 || (value & ((1 << bits) - 1)) !== 0) refuse('bad_code');
  return Buffer.from(out);
}

const isBytes = (v, size) => v instanceof Uint8Array && v.length === size;

export function readInvite(typed) {
  const code = typed.replace(/\s+/g, '').toUpperCase();
  if (code.length > 2000 || !code.startsWith('BR1')) refuse('bad_code');
  const bytes = base32(code.slice(3));
  if (bytes.length < 5) refuse('bad_code');
  const body = bytes.subarray(0, -4);
  if (!sha256(body).subarray(0, 4).equals(bytes.subarray(-4))) refuse('bad_code');
  let fields;
  try {
    fields = decode(body);
  } catch {
    refuse('bad_code');
  }
  if (!Array.isArray(fields) || fields.length !== 6) refuse('bad_code');
  const [addresses, home, coalition, epoch, inviteId, secret] = fields;
  const sound = Array.isArray(addresses) && addresses.length >= 1 && addresses.length <= 4 &&
    addresses.every((a) => typeof a === 'string' && a !== '' && [...a].length <= 120) &&
    isBytes(home, 32) && isBytes(coalition, 32) && isBytes(epoch, 32) && isBytes(inviteId, 16) && isBytes(secret, 16);
  if (!sound) refuse('bad_code');
  return { addresses, home, coalition, epoch, inviteId, secret, psk: H('barnraise/1 invite psk', secret) };
}

