"""Every vector about the bytes of a link: greeting, introduction, frames, comparing, parcels, invitations."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from node.port import coalition_secret
from protocol import introduction
from protocol.errors import Fault
from protocol.invite import read_invite
from protocol.judge import read_checked
from protocol.kinds.keys import build_chain
from protocol.kinds.parcel import try_open
from sync import frames
from sync.channel import Channel, Handshake
from sync.exchange import Window
from sync.index import RangeIndex
from sync.reconcile import Reconciler
from sync.session import blind
from sync.sketch import CELL_BYTES, Difference, Sketch, sketch_key, write_items
from tests.vectors.reading import unhex, vectors


def each(stage: str) -> Any:
    return pytest.mark.parametrize("vector", [pytest.param(v, id=n) for n, v in vectors(stage).items()])


def code_of(call: Any) -> str:
    with pytest.raises(Fault) as caught:
        call()
    return caught.value.code


# ---- greeting


def sides(vector: dict[str, Any]) -> tuple[Handshake, Handshake]:
    def keys(role: str) -> tuple[bytes, bytes, bytes]:
        static, ephemeral, said = (
            bytes.fromhex(vector[role][k]) for k in ("static", "ephemeral", "introduction")
        )
        return static, ephemeral, said

    invite = None
    if vector["pattern"] == "XXpsk3":
        invite = bytes.fromhex(vector["invite_id"]), bytes.fromhex(vector["psk"])
    static, ephemeral, said = keys("initiator")
    caller = Handshake(True, static, said, invite, ephemeral=ephemeral)
    static, ephemeral, said = keys("responder")
    psks = dict([invite]) if invite else {}
    return caller, Handshake(False, static, said, psk_of=psks.get, ephemeral=ephemeral)


@each("handshake")
def test_a_greeting(vector: dict[str, Any]) -> None:
    caller, called = sides(vector)
    messages = unhex(vector["messages"])
    fails_at = vector.get("fails_at", 0)
    said = caller.first()
    for number, message in enumerate(messages, 1):
        reader = caller if number == 2 else called
        if number == fails_at:
            assert code_of(lambda reader=reader, message=message: reader.receive(message)) == vector["code"]
            return
        assert said == message
        said = reader.receive(message) or b""
    ends = {
        "initiator": (caller.channel(), called.channel()),
        "responder": (called.channel(), caller.channel()),
    }
    if fails_at != 4:
        assert caller.handshake_hash.hex() == called.handshake_hash.hex() == vector["handshake_hash"]
        assert caller.their_introduction.hex() == vector["responder"]["introduction"]
        assert called.their_introduction.hex() == vector["initiator"]["introduction"]
    for frame in vector["frames"]:
        sender, reader_ = ends[frame["from"]]
        sealed = bytes.fromhex(frame["sealed"])
        if fails_at == 4:
            assert code_of(lambda reader_=reader_, sealed=sealed: reader_.open(sealed)) == vector["code"]
            return
        assert isinstance(sender, Channel)
        assert sender.seal(bytes.fromhex(frame["plain"])) == sealed
        assert reader_.open(sealed).hex() == frame["plain"]


@each("introduction")
def test_an_introduction(vector: dict[str, Any]) -> None:
    held = [read_checked(message) for message in unhex(vector["held"])]

    def current_key(home: bytes, shown: Sequence[bytes]) -> bytes | None:
        records = {record.id: record for record in [*map(read_checked, shown), *held]}
        chain = build_chain(home, records.values())
        return chain.current if chain is not None else None

    data, noise_key = bytes.fromhex(vector["introduction"]), bytes.fromhex(vector["noise_key"])
    if "code" in vector:
        assert (
            code_of(lambda: introduction.check(data, noise_key, vector["day"], current_key)) == vector["code"]
        )
        return
    found = introduction.check(data, noise_key, vector["day"], current_key)
    assert (found.home.hex(), found.node_key.hex()) == (vector["home"], vector["node_key"])
    assert found.until == vector["until"]


# ---- frames


def value_of(plain: Any) -> Any:
    """A frame's value as README.md writes it."""
    if type(plain) is list:
        return [value_of(item) for item in plain]
    if type(plain) is dict and "bytes" in plain:
        return bytes.fromhex(plain["bytes"])
    if type(plain) is dict and "integer" in plain:
        return int(plain["integer"])
    if type(plain) is dict:
        return {value_of(key): value_of(item) for key, item in plain["map"]}
    return plain


@each("frame")
def test_a_frame(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["frame"])
    if "code" in vector:
        assert code_of(lambda: frames.read_frame(data)) == vector["code"]
        return
    kind, fields = frames.read_frame(data)
    assert (kind, fields) == (vector["type"], value_of(vector["fields"]))
    assert frames.write_frame(kind, *fields) == data
    if vector["name"] != "unknown":
        assert getattr(frames, vector["name"].upper()) == kind


def test_every_type_of_frame_has_a_vector() -> None:
    assert {v.get("type") for v in vectors("frame").values()} >= set(frames._SHAPES)


@each("window")
def test_a_window(vector: dict[str, Any]) -> None:
    found = Window.between(*vector["ours"], *vector["theirs"])
    assert (found.created_before, found.expires_after) == (vector["created_before"], vector["expires_after"])
    assert Window.between(*vector["theirs"], *vector["ours"]) == found


@each("blind")
def test_a_blind(vector: dict[str, Any]) -> None:
    charter: Any = SimpleNamespace(payload=bytes.fromhex(vector["charter"]))
    secret, said = coalition_secret(charter), bytes.fromhex(vector["handshake_hash"])
    assert secret.hex() == vector["secret"]
    assert blind(secret, said, True).hex() == vector["initiator"]
    assert blind(secret, said, False).hex() == vector["responder"]


# ---- comparing


def index_of(items: list[Any]) -> RangeIndex:
    index = RangeIndex()
    index.bulk((timestamp, bytes.fromhex(item_id)) for timestamp, item_id in items)
    return index


@each("reconciliation")
def test_a_reconciliation(vector: dict[str, Any]) -> None:
    if "message" in vector:
        side = Reconciler(RangeIndex())
        read = side.respond if vector["read_by"] == "responder" else side.reconcile
        message = bytes.fromhex(vector["message"])
        if "code" in vector:
            assert code_of(lambda: read(message)) == vector["code"]
        else:
            assert read(message).hex() == vector["reply"]  # type: ignore[union-attr]
        return
    asking = Reconciler(index_of(vector["ours"]), vector["size_max"])
    answering = Reconciler(index_of(vector["theirs"]), vector["size_max"])
    have: set[str] = set()
    need: set[str] = set()
    said: bytes | None = asking.initiate()
    for number, message in enumerate(unhex(vector["messages"])):
        assert said == message, f"message {number}"
        if number % 2 == 0:
            said = answering.respond(message)
        else:
            step = asking.reconcile(message)
            have |= {item.hex() for item in step.have}
            need |= {item.hex() for item in step.need}
            said = step.reply
        assert said is None or not vector["size_max"] or len(said) <= vector["size_max"]
    assert said is None and (sorted(have), sorted(need)) == (vector["have"], vector["need"])


@each("sketch")
def test_a_sketch(vector: dict[str, Any]) -> None:
    key = sketch_key(bytes.fromhex(vector["secret"]))
    cells = bytes.fromhex(vector["cells"])

    def sketch_of(items: list[Any]) -> Sketch:
        made = Sketch(key)
        for timestamp, item_id in items:
            made.insert(timestamp, bytes.fromhex(item_id))
        return made

    difference = Difference(sketch_of(vector["ours"]))
    if "code" in vector:
        assert code_of(lambda: difference.take(cells)) == vector["code"]
        return
    assert key.hex() == vector["key"]
    if "theirs" in vector:
        assert sketch_of(vector["theirs"]).written(0, len(cells) // CELL_BYTES) == cells
    difference.take(cells)
    found = difference.read()
    if vector["have"] is None:
        assert found is None
        return
    assert found is not None
    assert sorted(write_items([item]).hex() for item in found.ours) == vector["have"]
    assert sorted(write_items([item]).hex() for item in found.theirs) == vector["need"]


# ---- what travels elsewhere


@each("parcel")
def test_a_parcel(vector: dict[str, Any]) -> None:
    prekeys = [(bytes.fromhex(public), bytes.fromhex(private)) for public, private in vector["prekeys"]]
    sealed = bytes.fromhex(vector["sealed"])
    if "code" in vector:
        assert code_of(lambda: try_open(sealed, prekeys)) == vector["code"]
        return
    parcel = try_open(sealed, prekeys)
    stated = vector["opened"]
    assert (parcel is None) == (stated is None)
    if parcel is not None:
        assert parcel.sender.hex() == stated["sender"] and parcel.recipient.hex() == stated["recipient"]
        assert parcel.nonce.hex() == stated["nonce"]
        assert [record.hex() for record in parcel.records] == stated["records"]
        assert [[until, print_.hex()] for until, print_ in parcel.ranges] == stated["ranges"]


@each("invite")
def test_an_invitation(vector: dict[str, Any]) -> None:
    if "code" in vector:
        assert code_of(lambda: read_invite(vector["invite"])) == vector["code"]
        return
    found = read_invite(vector["invite"])
    assert list(found.addresses) == vector["addresses"]
    for key in ("home", "coalition", "epoch", "invite_id", "secret", "psk"):
        assert getattr(found, key).hex() == vector[key]
