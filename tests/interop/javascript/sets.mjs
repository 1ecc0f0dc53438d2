// The sets that are compared (sync.md, section 3): their items, and which records are left out by both sides.
import { fingerprint } from './negentropy.mjs';
import { EPOCH_2020 } from './records.mjs';

// Each side is {day, floor} of its last hello, as it was said.
export function windowOf(ours, theirs) {
  const lower = Math.min(ours.day, theirs.day);
  return { createdBefore: (lower + 2) * 86400, expiresAfter: Math.max(lower, ours.floor, theirs.floor) };
}

export const itemOf = (record) => ({ time: BigInt(record.created - EPOCH_2020), id: record.id });

// Sorted by created and id; the roster is compared whole, so it has no window.
export function itemsOf(records, window = null) {
  const held = window
    ? records.filter((r) => r.created < window.createdBefore && (r.expires === null || r.expires > window.expiresAfter))
    : [...records];
  return held
    .sort((a, b) => a.created - b.created || Buffer.compare(a.id, b.id))
    .map(itemOf);
}

export const fingerprintOf = (items) => fingerprint(items);
