"""The sample data is whole, kind in tone, and its private words can be told from everything else."""

from __future__ import annotations

import re
from collections import Counter

from node import categories
from node.demo_data import PRIVATE_WORD, DemoPost, load

DEMO = load()


def public_parts(post: DemoPost) -> str:
    return f"{post.title} {post.text} {post.area} {post.when}"


def test_three_neighborhoods_each_with_a_coordinator_first() -> None:
    assert [one.name for one in DEMO.neighborhood] == ["Riverbend", "Oak Street", "Harbor Hill"]
    assert len(DEMO.member) >= 12
    for neighborhood in DEMO.neighborhood:
        roles = [member.role for member in DEMO.members_of(neighborhood.key)]
        assert len(roles) >= 4
        assert roles[0] == "coordinator" and set(roles[1:]) == {"member"}


def test_enough_posts_of_every_sort_in_three_languages() -> None:
    assert len(DEMO.post) >= 60
    assert sum(post.where == "region" for post in DEMO.post) >= 36
    assert {post.type for post in DEMO.post} == {"need", "offer"}
    assert {post.what for post in DEMO.post} == {"help", "give", "lend", "space"}
    assert {post.urgency for post in DEMO.post} == {"low", "normal", "urgent"}
    assert (
        min(Counter(post.language for post in DEMO.post)[language] for language in ("en", "es", "de")) >= 15
    )
    assert len({post.category for post in DEMO.post}) >= 25
    for neighborhood in DEMO.neighborhood:
        keys = {member.key for member in DEMO.members_of(neighborhood.key)}
        own = [post for post in DEMO.post if post.by in keys]
        assert {post.where for post in own} == {"here", "region"} and len(own) >= 20


def test_every_field_is_within_what_a_post_may_hold() -> None:
    known = {category.id for category in categories.all_categories()}
    for post in DEMO.post:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", post.key)
        assert post.by in DEMO.members_by_key
        assert post.category in known, post.key
        assert 0 < len(post.title) <= 80 and 0 < len(post.text) <= 300, post.key
        assert 1 <= post.slots <= 20 and 1 <= post.days <= 90
    assert len(DEMO.posts_by_key) == len(DEMO.post) and len(DEMO.members_by_key) == len(DEMO.member)
    assert len({post.title for post in DEMO.post}) == len(DEMO.post)


def test_each_private_field_holds_one_word_that_stands_nowhere_else() -> None:
    fields = [member.contact for member in DEMO.member]
    for post in DEMO.post:
        fields += filter(None, (post.contact, post.address, post.household, post.notes))
    assert all(len(PRIVATE_WORD.findall(text)) == 1 for text in fields)
    words = DEMO.private_words()
    assert len(words) == len(set(words)) == len(fields) >= 100
    shared = [post for post in DEMO.post if post.where == "region"]
    assert sum(bool(post.contact or post.address or post.household or post.notes) for post in shared) >= 36
    public = "\n".join([*map(public_parts, DEMO.post), *(member.about for member in DEMO.member)])
    public += "\n".join(step.note for step in DEMO.step)
    stems = {word.partition("-")[0] for word in words}
    assert not any(stem in public for stem in stems)
    assert "555-" not in public and "@" not in public


def test_the_words_are_kind() -> None:
    public = "\n".join(map(public_parts, DEMO.post)) + "\n".join(step.note for step in DEMO.step)
    assert not re.search(
        r"\b(donor|donat|client|debt|charity|beneficiar|Schuld|Spende|deuda|donante)", public, re.I
    )


def test_the_story_can_happen() -> None:
    taken: Counter[str] = Counter()
    pairs = [(step.helper, step.post) for step in DEMO.step]
    assert len(pairs) == len(set(pairs))
    for step in DEMO.step:
        post, helper = DEMO.posts_by_key[step.post], DEMO.members_by_key[step.helper]
        assert helper.key != post.by, step
        assert not DEMO.is_across(step) or post.where == "region", step
        assert {DEMO.giver(step).key, DEMO.receiver(step).key} == {step.helper, post.by}
        # A thing given or lent is not hours; time is, and only once it was spent.
        is_time = step.outcome == "done" and post.what == "help"
        assert (step.minutes > 0) == is_time, step
        assert step.minutes <= 480
        if step.outcome in ("agreed", "done"):
            taken[step.post] += step.slots
        assert step.slots >= 1 and taken[step.post] <= post.slots, step
    assert {step.outcome for step in DEMO.step} == {"agreed", "done", "declined", "released", "no_show"}
    across = [step for step in DEMO.step if DEMO.is_across(step) and step.minutes]
    within = [step for step in DEMO.step if not DEMO.is_across(step) and step.minutes]
    assert len(across) >= 10 and len(within) >= 10
    homes = {(DEMO.giver(step).neighborhood, DEMO.receiver(step).neighborhood) for step in across}
    assert len(homes) == 6  # each way between each two
