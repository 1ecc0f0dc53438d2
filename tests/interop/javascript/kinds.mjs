// The table of kinds (protocol.md, Kinds) and the shapes of their bodies (protocol.cddl).
const HASH = (v) => v instanceof Uint8Array && v.length === 32;
const bytes = (size) => (v) => v instanceof Uint8Array && v.length === size;
const int = (min, max) => (v) => typeof v === 'number' && v >= min && v <= max;
const text = (min, max) => (v) => {
  if (typeof v !== 'string') return false;
  const length = [...v].length; // characters are code points
  return length >= min && length <= max;
};
const oneOf = (...values) => (v) => values.includes(v);
const list = (min, max, item) => (v) => Array.isArray(v) && v.length >= min && v.length <= max && v.every(item);
const AT = int(0, 1099511627776);
const pairOfHashes = list(2, 2, HASH);
const isBytes = (v) => v instanceof Uint8Array;

const different = (values) => new Set(values.map((v) => Buffer.from(v).toString('hex'))).size === values.length;

// {threshold, hashes}: 1 to 7 different hashes, and no more signatures asked for than there are hashes.
function policy(v) {
  if (!(v instanceof Map)) return false;
  const hashes = v.get('hashes');
  return list(1, 7, HASH)(hashes) && different(hashes) && int(1, hashes.length)(v.get('threshold'));
}

// name: [shape, optional]; a "?" at the end of a name marks what may be left out.
const BODIES = {
  inception: { node_key: HASH, recovery: policy },
  rotation: { previous: HASH, node_key: HASH, recovery: policy, signers: list(1, 7, HASH) },
  charter: {
    name: text(1, 60), 'agreement?': text(0, 2000), 'member_things?': int(1, 100000), 'home_things?': int(1, 100000),
    keys: list(0, 200, pairOfHashes), 'former?': HASH,
  },
  epoch: {
    previous: HASH, voters: list(1, 200, HASH), 'guests?': list(0, 200, HASH), 'out?': list(0, 200, HASH),
    'keys?': list(0, 200, pairOfHashes),
  },
  assent: { epoch: HASH },
  sponsor: { guest: HASH, epoch: HASH },
  leave: { epoch: HASH, 'signers?': list(0, 7, HASH) },
  succession: { old: HASH, new: HASH, 'contests?': list(0, 32, HASH) },
  contest: { old: HASH, new: HASH },
  node: {
    name: text(1, 60), 'area?': text(0, 80), 'addresses?': list(0, 8, text(1, 120)), prekey: HASH,
    'software?': text(0, 80), 'erasures?': bytes(256), at: AT,
  },
  profile: {
    name: text(1, 40), 'area?': text(0, 80), 'languages?': text(0, 80), 'about?': text(0, 2000),
    'contact?': text(0, 80), 'language?': text(0, 12), 'at?': AT,
  },
  post: {
    type: oneOf('need', 'offer'), what: oneOf('help', 'give', 'lend', 'space'), category: text(1, 60), title: text(1, 120),
    'text?': text(0, 2000), 'area?': text(0, 80), 'when?': text(0, 120), 'urgency?': oneOf('low', 'normal', 'urgent'),
    'slots?': int(1, 100), 'language?': text(0, 12), 'name?': text(0, 40),
    'status?': oneOf('open', 'paused', 'withdrawn'), 'renews?': HASH, 'at?': AT,
  },
  details: {
    post: HASH, 'contact?': text(0, 500), 'address?': text(0, 500), 'household?': text(0, 500), 'notes?': text(0, 2000),
    'name?': text(0, 80), 'at?': AT,
  },
  standing: {
    post: HASH, state: oneOf('open', 'partly_arranged', 'arranged', 'fulfilled', 'paused', 'withdrawn'),
    slots_open: int(0, 100), 'at?': AT,
  },
  commitment: {
    post: HASH, 'word?': oneOf('offered', 'withdrawn', 'done'), 'slots?': int(1, 100), 'note?': text(0, 500),
    'name?': text(0, 40), 'continues?': HASH, 'at?': AT,
  },
  answer: {
    commitment: HASH, word: oneOf('agreed', 'declined', 'released', 'done', 'no_show'), 'slots?': int(1, 100),
    'note?': text(0, 500), 'name?': text(0, 40), 'at?': AT,
  },
  hours: {
    session: HASH, giver: pairOfHashes, receiver: pairOfHashes, minutes: int(0, 1440), date: int(0, 60000),
    category: text(1, 60), 'ordinal?': int(0, 20), 'corrects?': HASH, 'commitment?': HASH,
  },
  confirm: { claim: HASH },
  dispute: { claim: HASH },
  parcel: { sealed: isBytes },
  erasure: { seven: list(7, 7, () => true) },
};

// Scope types: 0 local, 1 pair, 2 coalition, 'keys'. days null: the kind never ends.
const row = (signer, scopes, days, edits) => ({ signer, scopes, days, edits });
export const KINDS = {
  inception: row('home', ['keys'], null, false),
  rotation: row('recovery', ['keys'], null, false),
  charter: row('home', ['keys'], null, false),
  epoch: row('home', ['coalition'], null, false),
  assent: row('home', ['coalition'], null, false),
  sponsor: row('home', ['coalition'], null, false),
  leave: row('home', ['coalition'], null, false),
  succession: row('home', ['local', 'pair', 'coalition'], null, false),
  contest: row('key', ['local', 'pair', 'coalition'], null, false),
  node: row('home', ['coalition'], 366, true),
  profile: row('member', ['local'], 366, true),
  post: row('member', ['local', 'coalition'], 90, true),
  details: row('member', ['local'], 90, true),
  standing: row('home', ['coalition'], 90, true),
  commitment: row('member', ['local', 'pair'], 120, true),
  answer: row('member', ['local', 'pair'], 120, true),
  hours: row('member', ['local', 'pair'], null, false),
  confirm: row('member', ['local', 'pair'], null, false),
  dispute: row('member', ['local', 'pair'], null, false),
  parcel: row('home', ['coalition'], 30, false),
  erasure: row('home', ['local', 'pair', 'coalition'], 366, false),
};
export const UNKNOWN_DAYS = 366;
export const ROSTER_ACTS = new Set(['epoch', 'assent', 'sponsor', 'leave']);
export const KEY_RECORDS = new Set(['inception', 'rotation']);

// An epoch that names a home twice, or in two places, names it all the same, but counts for nothing.
export function soundEpoch(body) {
  const homes = ['voters', 'guests', 'out'].flatMap((name) => body.get(name) ?? []);
  return different(homes) && different((body.get('keys') ?? []).map((pair) => pair[0]));
}

// Whether a body says what its kind says; one that does not is kept and passed on all the same.
export function readable(kind, body) {
  const shape = BODIES[kind];
  if (!shape) return false;
  for (const key of body.keys()) if (typeof key !== 'string') return false;
  for (const [name, test] of Object.entries(shape)) {
    const optional = name.endsWith('?');
    const value = body.get(optional ? name.slice(0, -1) : name);
    if (value === undefined ? !optional : !test(value)) return false;
  }
  return true;
}
