"""Our Negentropy talks with two that others wrote: npm's nostr-tools (nip77) and @nostr-dev-kit/sync.

Slow, and needs node, npm and the npm registry: skipped, with the reason, where one of them is missing.
nostr-tools can only ask; the other can also answer, so there we ask too.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.index import RangeIndex
from sync.reconcile import Reconciler

pytestmark = pytest.mark.slow

PACKAGES = ("nostr-tools@2.25.2", "@nostr-dev-kit/sync@1.0.0")

# Lines in: the package's name, the frame limit, "created,hex id" for each item, an empty line, and from then
# on "initiate" or a message in hex. Lines out: next message or "done", have, need, between commas.
THEIR_SIDE = """
import { createInterface } from "node:readline";
import { nip77 as tools } from "nostr-tools";
import * as kit from "@nostr-dev-kit/sync";

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => (await lines.next()).value;

const isTools = (await next()) === "nostr-tools";
const frameLimit = Number(await next());
const storage = isTools ? new tools.NegentropyStorageVector() : new kit.NegentropyStorage();
for (let line = await next(); line; line = await next()) {
    const [created, id] = line.split(",");
    storage.insert(Number(created), id);
}
storage.seal();
const side = isTools ? new tools.Negentropy(storage, frameLimit) : new kit.Negentropy(storage, frameLimit);
for (let line = await next(); line !== undefined; line = await next()) {
    let message, have = [], need = [];
    if (line === "initiate") {
        message = await side.initiate();
    } else if (isTools) {
        message = side.reconcile(line, (id) => have.push(id), (id) => need.push(id));
    } else {
        const step = await side.reconcile(Buffer.from(line, "hex"));
        [message, have, need] = [step.nextMessage ?? null, step.have.map(hex), step.need.map(hex)];
    }
    if (message !== null && typeof message !== "string") message = hex(message);
    console.log([message ?? "done", have.join(" "), need.join(" ")].join(","));
}
"""


@pytest.fixture(scope="module")
def their_side(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of the other side, beside the installed packages."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text('{"private": true}')
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install the packages: {done.stderr.strip().splitlines()[-1:]}")
    script = folder / "side.mjs"
    script.write_text(THEIR_SIDE)
    return script


class TheirSide:
    """The other implementation in a process of its own."""

    def __init__(self, script: Path, package: str, items: set[tuple[int, bytes]], frame_limit: int) -> None:
        self.process = subprocess.Popen(
            ["node", str(script)], cwd=script.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        lines = [package, str(frame_limit), *(f"{created},{item_id.hex()}" for created, item_id in items), ""]
        self._write("\n".join(lines))

    def _write(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def say(self, line: str) -> tuple[bytes | None, set[bytes], set[bytes]]:
        """Its next message (None: done), and what it learned from ours."""
        self._write(line)
        assert self.process.stdout
        message, have, need = self.process.stdout.readline().rstrip("\n").split(",")
        learned = [{bytes.fromhex(item_id) for item_id in part.split()} for part in (have, need)]
        return None if message == "done" else bytes.fromhex(message), learned[0], learned[1]


@pytest.fixture
def started() -> Iterator[list[TheirSide]]:
    sides: list[TheirSide] = []
    yield sides
    for side in sides:
        side.process.kill()
        side.process.communicate()


def two_sets() -> tuple[set[tuple[int, bytes]], set[tuple[int, bytes]]]:
    """3,000 items of few timestamps, of which some 300 are held on one side only."""
    chance = random.Random(7)
    items = [(chance.randrange(900), chance.randbytes(32)) for _ in range(3000)]
    ours = {item for item in items if chance.random() < 0.95}
    theirs = {item for item in items if item not in ours or chance.random() < 0.95}
    return ours, theirs


@pytest.mark.parametrize("frame_limit", [4096, 60_000])
@pytest.mark.parametrize("package", ["nostr-tools", "@nostr-dev-kit/sync"])
def test_they_ask_and_we_answer(
    their_side: Path, started: list[TheirSide], package: str, frame_limit: int
) -> None:
    ours, theirs = two_sets()
    index = RangeIndex()
    index.bulk(ours)
    us = Reconciler(index, frame_limit)
    them = TheirSide(their_side, package, theirs, frame_limit)
    started.append(them)
    have, need = set[bytes](), set[bytes]()
    message, _, _ = them.say("initiate")
    while message is not None:
        message, now_have, now_need = them.say(us.respond(message).hex())
        have |= now_have
        need |= now_need
    assert have == {item_id for _, item_id in theirs - ours}
    assert need == {item_id for _, item_id in ours - theirs}


@pytest.mark.parametrize("frame_limit", [0, 4096])
def test_we_ask_and_they_answer(their_side: Path, started: list[TheirSide], frame_limit: int) -> None:
    ours, theirs = two_sets()
    index = RangeIndex()
    index.bulk(ours)
    us = Reconciler(index, frame_limit)
    them = TheirSide(their_side, "@nostr-dev-kit/sync", theirs, frame_limit)
    started.append(them)
    have, need = set[bytes](), set[bytes]()
    message: bytes | None = us.initiate()
    while message is not None:
        answer, _, _ = them.say(message.hex())
        assert answer is not None
        step = us.reconcile(answer)
        have |= set(step.have)
        need |= set(step.need)
        message = step.reply
    assert have == {item_id for _, item_id in ours - theirs}
    assert need == {item_id for _, item_id in theirs - ours}
