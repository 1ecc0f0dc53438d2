// Hours (protocol.md, Hours): the state of each claim.
import { compareBytes, encode } from './cbor.mjs';
import { H, hex } from './crypto.mjs';

const DEPTH_MAX = 49;
const TERMS = ['session', 'giver', 'receiver', 'minutes', 'date', 'category', 'corrects'];

export function sessionOf(scope, one, other, date, ordinal) {
  const sorted = [one, other].sort((a, b) => compareBytes(a[0], b[0]) || compareBytes(a[1], b[1]));
  return H('barnraise/1 session', encode([scope, ...sorted, date, ordinal]));
}

function claimOf(record, accounts) {
  const { body, scope } = record;
  const [giver, receiver] = ['giver', 'receiver'].map((name) => body.get(name));
  const homes = [giver[0], receiver[0]].map(hex);
  const local = homes[0] === homes[1];
  const here = record.scopeType === 'local' && homes[0] === record.homeHex;
  if (!(local ? here : record.pair?.every((home) => homes.includes(home)))) return null;
  const ordinal = body.get('ordinal') ?? 0;
  if (!sessionOf(scope, giver, receiver, body.get('date'), ordinal).equals(body.get('session'))) return null;
  const [g, r] = [giver, receiver].map(([home, key]) => accounts.account(hex(home), hex(key)));
  const author = accounts.account(record.homeHex, record.authorHex);
  if (g === r || (author !== g && author !== r)) return null;
  const said = new Map([['ordinal', ordinal]]);
  for (const name of TERMS) if (body.has(name)) said.set(name, body.get(name));
  return {
    id: record.idHex, author, other: author === g ? r : g, between: [g, r].sort().join(' '),
    session: `${hex(encode(scope))} ${hex(body.get('session'))}`, scope: hex(encode(scope)), said: hex(encode(said)),
    corrects: body.has('corrects') ? hex(body.get('corrects')) : null,
  };
}

export function claimStates(view, accounts) {
  const records = [...view.in.values()].filter((r) => r.readable);
  const claims = new Map();
  for (const record of records.filter((r) => r.kind === 'hours')) {
    const claim = claimOf(record, accounts);
    if (claim) claims.set(claim.id, claim);
  }
  const words = (kind, claim) =>
    records.some((r) => r.kind === kind && hex(r.body.get('claim')) === claim.id && hex(encode(r.scope)) === claim.scope &&
      accounts.account(r.homeHex, r.authorHex) === claim.other);
  for (const claim of claims.values()) {
    const crossing = [...claims.values()].some((c) => c.author === claim.other && c.scope === claim.scope && c.said === claim.said);
    claim.agreed = crossing || words('confirm', claim);
  }
  const under = (claim) => {
    const below = claims.get(claim.corrects);
    return below?.agreed && below.session === claim.session && below.between === claim.between ? below : null;
  };
  // The number of agreed corrections beneath, or null where the first of them hangs on nothing.
  const depth = (claim) => {
    let n = 0;
    for (let at = claim; at.corrects; n++) {
      at = under(at);
      if (!at || n >= DEPTH_MAX) return null;
    }
    return n;
  };
  const best = new Map();
  for (const claim of claims.values()) {
    claim.depth = claim.agreed ? depth(claim) : null;
    if (claim.depth === null) continue;
    const held = best.get(claim.session);
    if (!held || claim.depth > held.depth || (claim.depth === held.depth && claim.id < held.id)) best.set(claim.session, claim);
  }
  const state = (claim) => {
    if (!claim.agreed) return words('dispute', claim) ? 'disputed' : 'awaiting';
    if (claim.depth === null) return 'unknown';
    if (best.get(claim.session) === claim) return 'confirmed';
    const corrected = [...claims.values()].some((c) => c.agreed && c.corrects === claim.id && under(c) === claim);
    return corrected ? 'corrected' : 'replaced';
  };
  return Object.fromEntries([...claims.values()].map((claim) => [claim.id, state(claim)]));
}
