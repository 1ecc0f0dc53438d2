"""Quotas of a charter that names none: too many records for a file, so each case says how to make them."""
# fmt: off

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from protocol.kinds.accounts import Contest, Succession
from protocol.kinds.roster import Sponsor
from protocol.record import Record, parse
from tests.protocol.helpers import DAY_S, NOON, TODAY, secret
from tests.vectors.making.scene import Case, Scene, Vector, seeds_of
from tests.vectors.reading import many_of

Made = Callable[[Scene, bytes], Record]


def crowd(about: str, scene: Scene, first: Record, count: int, quota: int, counted: list[Record]) -> Vector:
    """`count` records like `first`, whose nonce is zeros; with `counted`, which are held, `quota` of them are in."""
    seeds = [scene.ben.seed] if first.kind == "contest" else seeds_of(scene, first)
    stated = {"payload": first.payload.hex(), "at": first.payload.index(bytes(16)), "count": count, "seeds": [seed.hex() for seed in seeds]}
    made = [parse(message) for message in many_of(stated)]
    assert made[0].id == first.id and len({record.thing for record in made}) == count
    inside = sorted([*made, *counted], key=lambda record: record.thing)[:quota]
    over = [record for record in made if record not in inside]
    assert over and all(record in inside for record in counted)
    vector = scene.state(about, [], [record for record in made if record not in over])
    number = {record.id.hex() for record in made}
    state = vector["state"]
    state["in"] = [record_id for record_id in state["in"] if record_id not in number]
    state["over"] = sorted(record.id.hex() for record in over)
    for part in state["sets"]:
        if not number.isdisjoint(part["ids"]):
            part["count"] = len(part.pop("ids"))
    return vector | {"many": stated}


def cases() -> Iterator[Case]:
    def case(name: str, about: str, count: int, quota: int, made: Made, counted: str = "") -> Case:
        scene = Scene()
        held = [record for record in scene.region.records if record.home == scene.oak.id and record.kind in counted]
        return f"quota/{name}", crowd(about, scene, made(scene, bytes(16)), count, quota, held)

    def step(s: Scene) -> dict[str, Any]:
        return {"old": s.ben.key, "new": s.bea.key}

    yield case("2000-things-of-members", "A charter that names no quota: 2,000 things signed by members of a neighborhood are in.", 2_001, 2_000, lambda s, n: s.ben.post(s.scope, nonce=n))
    yield case("1000-acts-of-a-home", "And 1,000 of its own acts.", 1_001, 1_000, lambda s, n: s.oak.say("notice", s.scope, {}, nonce=n))
    yield case("1000-successions", "And 1,000 successions, here of one step, whatever the charter says.", 1_001, 1_000, lambda s, n: s.oak.say("succession", s.scope, Succession(**step(s)).body(), nonce=n, days=None))
    yield case("1000-contests", "And 1,000 contests.", 1_001, 1_000, lambda s, n: s.ben.say("contest", s.scope, Contest(**step(s)).body(), nonce=n, days=None, seeds=[s.ben.seed]))
    yield case("1000-roster-acts", "And 1,000 roster acts, those that were held before among them.", 1_001, 1_000, lambda s, n: s.oak.say("sponsor", s.scope, Sponsor(guest=s.harbor.id, epoch=s.tip.id).body(), nonce=n, days=None), "epoch assent")

    scene = Scene(member_things=1)
    now = scene.ana.post(scene.scope)
    early = next(post for n in range(100) if (post := scene.ana.post(scene.scope, nonce=secret("early", n)[:16], created=NOON + 9 * DAY_S)).thing < now.thing)
    yield "quota/made-ahead-takes-no-place", scene.state("Taken on a clock that ran nine days ahead, which was then put right: the lower thing, made after tomorrow, stays in its set and counts in no quota, so that the other one is in beside it.", [early, now], [early, now], day=TODAY + 9, later=TODAY)
