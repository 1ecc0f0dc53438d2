// A peer: joins the coalition of an invitation code, follows it, and does there what it is told. Prints one JSON line
// for each thing that happened; exits 0 where all of it did.
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { accountsOf } from './accounts.mjs';
import { hex } from './crypto.mjs';
import { Member } from './deeds.mjs';
import { claimStates } from './hours.mjs';
import { readInvite } from './invite.mjs';
import { call } from './link.mjs';
import { Neighborhood, now } from './neighborhood.mjs';
import { postStates, promiseStates } from './promises.mjs';
import { dayOf } from './records.mjs';
import { Session } from './session.mjs';
import { fingerprintOf, itemsOf } from './sets.mjs';
import { Store } from './store.mjs';

const USAGE = `usage: node main.mjs --invite CODE [OPTION…]
  --address ADDRESS  call this one instead of the first in the code
  --name NAME        of the neighborhood that is founded for this run
  --seconds N        the longest wait for anything; 60 where not given
  --again            end the link after joining, and call once more without the invitation
  --post TITLE       put a need on the board
  --edit TITLE       then edit it
  --erase            then erase it
  --promise          offer help for the newest need of the neighborhood that was called
  --hours MINUTES    claim minutes for that
  --parcel           promise to a neighborhood that is not linked, by a sealed parcel
  --step             after each thing that was done wait for a line on standard input; meanwhile confirm claims, open
                     parcels, and tell how promises, claims and the roster stand
  --assent           meanwhile say yes to proposals, too
  --frames           name each frame, too
`;

function optionsGiven() {
  const text = { type: 'string' };
  const flag = { type: 'boolean', default: false };
  const known = {
    invite: text, address: text, name: { ...text, default: 'Stranger Lane' }, seconds: { ...text, default: '60' },
    post: text, edit: text, erase: flag, promise: flag, hours: text, parcel: flag,
    again: flag, assent: flag, step: flag, frames: flag, help: flag,
  };
  try {
    const { values } = parseArgs({ options: known });
    if (values.help || values.invite) return values;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
  }
  return { help: true, wrong: true };
}

const options = optionsGiven();
if (options.help) {
  (options.wrong ? process.stderr : process.stdout).write(USAGE);
  process.exit(options.wrong ? 2 : 0);
}
const say = (event, more = {}) => process.stdout.write(JSON.stringify({ event, ...more }) + '\n');

function fail(code, where) {
  say('failed', { code, where });
  process.exit(1);
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const us = new Neighborhood(options.name);
const store = new Store({ home: hex(us.home), day: dayOf(now()) });
us.keyRecords.forEach((message) => store.offer(message));

const EVENTS = ['welcome', 'same', 'records', 'shared', 'taken'];
let waitingFor = 'link';

// Waits until a test holds, looked at whenever the session says something.
function until(session, test, what) {
  waitingFor = what;
  return new Promise((resolve) => {
    // With three voters or more one sponsor does not admit a guest: then the code is not_a_member.
    const code = () => (what === 'joined' && store.derive().rosters.size ? 'not_a_member' : 'link_timeout');
    const timer = setTimeout(() => fail(code(), what), Number(options.seconds) * 1000);
    const look = () => {
      if (!test()) return;
      clearTimeout(timer);
      EVENTS.forEach((event) => session.off(event, look));
      resolve();
    };
    EVENTS.forEach((event) => session.on(event, look));
    look();
  });
}

// The number of the set that a frame is about, or null.
const setOf = ([first]) => (Array.isArray(first) && typeof first[0] === 'number' ? first[0] : null);

async function link(invite, code) {
  const keyRecords = [...store.derive().in.values()].filter((r) => r.kind === 'inception' || r.kind === 'rotation');
  const address = options.address ?? code.addresses[0];
  const line = await call(address, { us, expected: code.home, invite, day: store.day, held: keyRecords });
  store.neighbors.add(hex(line.peer.home));
  line.peer.keyRecords.forEach((record) => store.offer(record.message));
  store.changed();
  for (const way of options.frames ? ['frame', 'sent'] : []) {
    line.on(way, ({ name, fields }) => say('frame', { way: way === 'sent' ? 'out' : 'in', frame: name, about: setOf(fields) }));
  }
  const session = new Session(line, store, { name: us.name, software: 'barnraise-peer 0.1.0', invite, day: store.day });
  session.on('close', (reason) => session.meant || fail(reason || 'closed', waitingFor));
  session.on('refused', (reason) => say('not_now', { code: reason }));
  say('linked', { home: hex(line.peer.home), pattern: invite ? 'XXpsk3' : 'XX' });
  return session;
}

// Waits until the roster, the records and the pair are what was last found the same on both sides.
async function equal(session, code) {
  const sets = [[0, code.coalition], [1, code.coalition], [2]];
  for (const state of session.shared.values()) if (!session.isEqual(state.set)) session.later(state, 200);
  await until(session, () => sets.every((set) => session.isEqual(set)), 'equal');
  const id = hex(code.coalition);
  const prints = [0, 1].map((type) => hex(fingerprintOf(itemsOf(store.set(type, id)))));
  say('equal', { roster: store.set(0, id).length, records: store.set(1, id).length, fingerprints: prints });
}

function leave(session) {
  session.meant = true;
  const ended = new Promise((resolve) => session.once('close', resolve));
  session.link.end();
  return ended;
}

// Gives the next line on standard input; its end is as good as a line.
const lines = options.step ? createInterface({ input: process.stdin })[Symbol.asyncIterator]() : null;

async function run() {
  const code = readInvite(options.invite);
  say('founded', { home: hex(us.home), name: us.name });
  let session = await link(code, code);
  await until(session, () => store.derive().rosters.get(hex(code.coalition))?.members.has(hex(us.home)), 'joined');
  const roster = store.derive().rosters.get(hex(code.coalition));
  const { charter, inForce: epoch, voters, guests } = roster;
  say('joined', { coalition: charter.idHex, name: charter.body.get('name'), epoch, voters, guests });
  await equal(session, code);
  if (options.again) {
    await leave(session);
    session = await link(null, code);
    await until(session, () => session.shared.size === 3, 'shared again');
    await equal(session, code);
  }
  const publish = async (event, message) => {
    const record = session.publish(message);
    await until(session, () => session.flying.size === 0 && session.outbox.length === 0, event);
    say(event, { thing: record.thing, id: record.idHex, edit: record.edit });
    return record;
  };
  const member = new Member(us, store, publish);
  const next = options.step ? () => step(member, code) : () => {};
  await publish('card', us.nodeCard(code.coalition, store.set(1, hex(code.coalition)).filter((r) => r.erases)));
  await next();
  if (options.post !== undefined) await member.post(code.coalition, options, next);
  if (options.promise) await promise(member, code, next);
  await equal(session, code);
  await next();
  showBoard(code);
  await leave(session);
  say('done');
}

async function promise(member, code, next) {
  const linked = [hex(code.home), hex(us.home)];
  const post = member.needOf((home) => (options.parcel ? !linked.includes(home) : home === linked[0]));
  if (!post) return fail('no_need', 'promise');
  const commitment = await member.promise(post);
  if (!options.parcel) await next();
  if (options.hours !== undefined) await member.claim(post, commitment, Number(options.hours));
  if (options.parcel) await member.sendParcel(code.coalition, post.home);
  await next();
}

// Stays linked until the next line, and says what changes about promises, hours, parcels and the roster.
async function step(member, code) {
  let told = false;
  lines.next().then(() => (told = true));
  for (let last = ''; !told; await pause(0.2)) {
    member.openParcels();
    await member.confirmAll();
    if (options.assent) await member.assentAll(code.coalition);
    const state = JSON.stringify(stateOf(member, code));
    if (state !== last) say('state', JSON.parse(state));
    last = state;
  }
}

function stateOf(member, code) {
  const view = store.derive();
  const accounts = accountsOf(view);
  const { inForce, final, voters, guests, forks, proposals } = view.rosters.get(hex(code.coalition));
  return {
    promises: promiseStates(view, accounts, store.day), claims: claimStates(view, accounts),
    parcels: [...member.opened.values()].filter(Boolean),
    roster: { in_force: inForce, final, voters, guests, forks, proposals },
  };
}

function showBoard(code) {
  const view = store.derive();
  const states = postStates(view, accountsOf(view), store.day, hex(us.home));
  for (const r of store.set(1, hex(code.coalition))) {
    if (r.kind !== 'post' || !r.readable) continue;
    const [state, slotsOpen] = states[r.thing];
    const [type, title] = ['type', 'title'].map((name) => r.body.get(name));
    say('board', { thing: r.thing, home: r.homeHex, type, title, state, slots_open: slotsOpen });
  }
}

run().then(
  () => process.exit(0),
  (error) => fail(error.code ?? String(error.stack), 'run'),
);
