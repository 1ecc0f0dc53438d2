// Quotas (protocol.md, Coalitions, Quota): of each neighborhood and class the lowest things are in.
import { ROSTER_ACTS } from './kinds.mjs';
import { dayOf } from './records.mjs';
import { speaksOf } from './store.mjs';

function classOf(record, charter) {
  if (ROSTER_ACTS.has(record.kind)) return ['roster', 1000];
  if (record.kind === 'succession' || record.kind === 'contest') return [record.kind, 1000];
  if (speaksOf(record).member) return ['member', charter.body.get('member_things') ?? 2000];
  return ['home', charter.body.get('home_things') ?? 1000];
}

// Returns those that are in, and gives the others the code over_quota.
export function applyQuota(records, view, day) {
  const groups = new Map();
  const kept = [];
  for (const record of records) {
    const roster = view.rosters.get(record.coalition);
    const over = (record.expires !== null && record.expires <= day) || dayOf(record.created) > day + 1;
    if (record.scopeType !== 'coalition' || !roster || (over && !ROSTER_ACTS.has(record.kind))) {
      kept.push(record);
      continue;
    }
    const [name, limit] = classOf(record, roster.charter);
    const group = `${record.coalition} ${record.homeHex} ${name}`;
    if (!groups.has(group)) groups.set(group, { limit, slots: new Map() });
    const { slots } = groups.get(group);
    const { thing } = speaksOf(record);
    if (!slots.has(thing)) slots.set(thing, []);
    slots.get(thing).push(record);
  }
  for (const { limit, slots } of groups.values()) {
    [...slots.keys()].sort().forEach((thing, i) => {
      for (const record of slots.get(thing)) {
        if (i < limit) kept.push(record);
        else view.codes.set(record, 'over_quota');
      }
    });
  }
  return kept;
}

