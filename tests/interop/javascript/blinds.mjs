// Blinds (sync.md, section 2): how the two sides of a link name a coalition.
import { H, hmac } from './crypto.mjs';

export const secretOf = (charterPayload) => H('barnraise/1 coalition', charterPayload);

export const blind = (secret, handshakeHash, role) =>
  hmac(secret, Buffer.from('barnraise/1 blind\0', 'ascii'), handshakeHash, Buffer.from(role, 'ascii'));
