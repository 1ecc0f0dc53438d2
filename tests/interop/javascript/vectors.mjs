// Runs the test vectors: node vectors.mjs FOLDER [NAME…]. Prints one JSON line: counts, in all and of each folder, and the
// names of those that it did not try, as they are about something that this peer does not speak. Failures go to stderr.
import fs from 'node:fs';
import path from 'node:path';
import { isForeign, linkCases } from './vectors-links.mjs';
import { recordCases } from './vectors-records.mjs';

const [root, ...only] = process.argv.slice(2);
if (!root) {
  process.stderr.write('usage: node vectors.mjs FOLDER [NAME…]\n');
  process.exit(2);
}

const runners = { ...linkCases, ...recordCases };
const folders = {};
const notTried = [];

function tried(name, vector) {
  const run = runners[vector.stage];
  if (!run || isForeign(vector)) {
    notTried.push(name);
    return 'not_tried';
  }
  try {
    run(vector);
    return 'passed';
  } catch (error) {
    const why = error.code === 'ERR_ASSERTION' ? error.message.slice(0, 600) : error.stack;
    process.stderr.write(`${name}: ${why}\n`);
    return 'failed';
  }
}

for (const file of fs.readdirSync(root, { recursive: true }).sort()) {
  const { dir: folder, name: base, ext } = path.parse(file);
  const name = `${folder}/${base}`;
  if (ext !== '.json' || (only.length && !only.some((part) => name.includes(part)))) continue;
  const count = (folders[folder] ??= { passed: 0, failed: 0, not_tried: 0 });
  count[tried(name, JSON.parse(fs.readFileSync(path.join(root, file), 'utf8')))] += 1;
}
const total = { passed: 0, failed: 0, not_tried: 0 };
for (const count of Object.values(folders)) for (const key of Object.keys(total)) total[key] += count[key];
process.stdout.write(JSON.stringify({ total, folders, not_tried: notTried }) + '\n');
process.exit(total.failed ? 1 : 0);
