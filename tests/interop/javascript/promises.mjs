// Promises (protocol.md, Promises): the state of each commitment, and of each post.
import { encode } from './cbor.mjs';
import { hex } from './crypto.mjs';

const sameScope = (a, b) => encode(a.scope).equals(encode(b.scope));

// The word that counts: by the key of the greatest depth, of those the lowest thing.
function lastWord(records, accounts) {
  const depth = (r) => accounts.depth(r.homeHex, r.authorHex);
  return [...records].sort((a, b) => depth(b) - depth(a) || (a.thing < b.thing ? -1 : 1))[0];
}

// Whether a commitment carries another on: by the same account, in the same scope, about the same post.
function continues(later, first, accounts) {
  const account = (r) => accounts.account(r.homeHex, r.authorHex);
  return later.body.has('continues') && hex(later.body.get('continues')) === first.thing && !first.body.has('continues') &&
    sameScope(later, first) && hex(later.body.get('post')) === hex(first.body.get('post')) && account(later) === account(first);
}

// A promise is local where both are of one home, else of the pair of the two.
function isBetween(commitment, post) {
  const { scopeType, homeHex } = commitment;
  if (scopeType === 'local') return homeHex === post.homeHex;
  return homeHex !== post.homeHex && commitment.pair.includes(post.homeHex);
}

function promises(view, accounts, day) {
  const records = [...view.in.values()].filter((r) => r.readable);
  const posts = new Map(records.filter((r) => r.kind === 'post').map((r) => [r.thing, r]));
  const commitments = records.filter((r) => r.kind === 'commitment');
  const account = (r) => accounts.account(r.homeHex, r.authorHex);
  const out = [];
  for (const commitment of commitments) {
    if (commitments.some((first) => continues(commitment, first, accounts))) continue;
    const postThing = hex(commitment.body.get('post'));
    const held = posts.get(postThing);
    const post = held && isBetween(commitment, held) ? held : null;
    const helper = lastWord([commitment, ...commitments.filter((r) => continues(r, commitment, accounts))], accounts);
    const answers = records.filter((r) => r.kind === 'answer' && hex(r.body.get('commitment')) === commitment.thing &&
      sameScope(r, commitment) && post && account(r) === account(post));
    const state = stateOf(helper, lastWord(answers, accounts), post, commitment.expires, day);
    out.push({ commitment, postThing, ...state });
  }
  return out;
}

function stateOf(helper, answer, post, expires, day) {
  const said = helper.body.get('word') ?? 'offered';
  const offered = helper.body.get('slots') ?? 1;
  const word = answer?.body.get('word');
  let state;
  if (!word) state = said === 'withdrawn' ? 'withdrawn' : 'proposed';
  else if (word === 'agreed') state = { offered: 'agreed', withdrawn: 'released', done: 'done' }[said];
  else state = word;
  if (state === 'proposed' || state === 'agreed') {
    if (expires <= day) state = 'lapsed';
    else if (!post) state = 'unknown';
  }
  const slots = answer?.body.has('slots') ? Math.min(offered, answer.body.get('slots')) : offered;
  return { state, slots };
}

export const promiseStates = (view, accounts, day) =>
  Object.fromEntries(promises(view, accounts, day).map(({ commitment, state, slots }) => [commitment.thing, [state, slots]]));

export function postStates(view, accounts, day, home) {
  const records = [...view.in.values()].filter((r) => r.readable);
  const all = promises(view, accounts, day);
  const out = {};
  for (const post of records.filter((r) => r.kind === 'post')) {
    const slots = post.body.get('slots') ?? 1;
    if (post.homeHex !== home) {
      const standing = records.filter((r) => r.kind === 'standing' && hex(r.body.get('post')) === post.thing &&
        r.homeHex === post.homeHex && sameScope(r, post)).sort((a, b) => (a.thing < b.thing ? -1 : 1))[0];
      out[post.thing] = standing ? [standing.body.get('state'), standing.body.get('slots_open')] : ownState(post, [], slots, day);
    } else out[post.thing] = ownState(post, all.filter((p) => p.postThing === post.thing), slots, day);
  }
  return out;
}

function ownState(post, given, slots, day) {
  const sum = (...states) => given.filter((p) => states.includes(p.state)).reduce((n, p) => n + p.slots, 0);
  const done = sum('done');
  const open = Math.max(0, slots - sum('agreed', 'done'));
  const status = post.body.get('status') ?? 'open';
  if (done >= slots) return ['fulfilled', open];
  if (status === 'withdrawn') return ['withdrawn', open];
  if (post.expires <= day) return ['expired', open];
  if (status === 'paused') return ['paused', open];
  return [open === 0 ? 'arranged' : open < slots ? 'partly_arranged' : 'open', open];
}
