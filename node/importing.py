"""From the answers of a mutual-aid group's online form to drafts of needs: the core of `barnraise import`.

    read_table(bytes) -> guess_mapping(headers) -> person looks, overrides -> read_answers(table, mapping)

One draft for each need that a row names. Title and text may become public, so they are made only of the need,
the details and how often it comes back, with contact details, addresses and names taken out
(`node/form_privacy.py`); everything else goes to the private fields, so that nothing a person wrote is lost.
Completed rows are counted and left out; a bad row is reported and holds up no other.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from node import categories
from node.form_privacy import clean, split_private
from node.form_table import Row, Table, read_table
from protocol.errors import OurFault

__all__ = [
    "AnswerDraft", "Answers", "BadRow", "Mapping", "Table",
    "guess_mapping", "override", "read_answers", "read_table",
]  # fmt: skip

TITLE_CHARS_MAX = 120
TEXT_CHARS_MAX = 2_000
NOTES_CHARS_MAX = 2_000
PRIVATE_CHARS_MAX = 500  # each of name, contact, address, household
SIDE_BYTES_MAX = 7_000  # title and text in UTF-8, and the private fields: each side is one record of 8 KiB
NEEDS_A_ROW_MAX = 20
HEADER_CHARS_READ = 300

# Kept by the group, not given by the person who asks; a change of them does not make it another answer.
GROUPS_OWN = ("organizer", "status", "comments")
# The fields with a place of their own in a draft; all other columns are kept line by line in the notes.
CONTACT = ("phone", "email", "contact")
PLACED = ("name", *CONTACT, "contact_preference", "address", "household", "needs", "details")
HOW_OFTEN = {
    "en": ("How often", "again and again", "once"),
    "es": ("Con qué frecuencia", "repetidamente", "una vez"),
    "de": ("Wie oft", "immer wieder", "einmal"),
}


@dataclass(frozen=True)
class Mapping:
    """Which column holds which field: `columns` from field name to the index in `headers`."""

    headers: tuple[str, ...]
    columns: dict[str, int]

    def header(self, field_name: str) -> str:
        """The header of a field, or "" if no column holds it."""
        return self.headers[self.columns[field_name]] if field_name in self.columns else ""

    @property
    def unused(self) -> list[str]:
        """The headers that belong to no field; their cells are kept in the private notes."""
        return [header for index, header in enumerate(self.headers) if index not in self.columns.values()]


@dataclass(frozen=True)
class AnswerDraft:
    """A need as a post would hold it. Public: category, title, text, urgency, area. The rest stays here.

    `row_key` (32 bytes) is the same whenever the same answer is read again, whatever the group has noted
    beside it. It can be found by guessing names and numbers, so it must not leave the node either.
    """

    line: int
    row_key: bytes
    category: str
    title: str
    text: str
    urgency: str
    area: str
    name: str
    contact: str
    address: str
    household: str
    notes: str


@dataclass(frozen=True)
class BadRow:
    """A row that gave no draft: the line on which it begins, and why, to stand after "Line 7: "."""

    line: int
    reason: str


@dataclass(frozen=True)
class Answers:
    """What a table came to."""

    drafts: list[AnswerDraft] = field(default_factory=list)
    skipped_completed: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)


class _Refused(Exception):
    """Why a row gives no draft."""


def guess_mapping(headers: tuple[str, ...] | list[str]) -> Mapping:
    """The likely field of each column. A field takes one column, the one whose header fits it best."""
    fits: list[tuple[int, int, str]] = []
    for index, header in enumerate(headers):
        words = categories.plain_words(header[:HEADER_CHARS_READ]).split()
        for field_name, wordings in _words()["headers"].items():
            fit = max(_fit(words, wording.split()) for wording in wordings)
            if fit:
                fits.append((-fit, index, field_name))
    columns: dict[str, int] = {}
    for _, index, field_name in sorted(fits):
        if field_name not in columns and index not in columns.values():
            columns[field_name] = index
    return Mapping(tuple(headers), {name: columns[name] for name in _words()["headers"] if name in columns})


def override(mapping: Mapping, wish: str) -> Mapping:
    """`mapping` with a person's own choice, "field=Header" or "field=". Raises OurFault("bad_input")."""
    field_name, sign, header = wish.partition("=")
    field_name, header = field_name.strip().casefold(), " ".join(header.split())
    if not sign or field_name not in _words()["headers"]:
        known = ", ".join(_words()["headers"])
        raise OurFault("bad_input", f"Write field=Header, where field is one of: {known}.")
    columns = {name: index for name, index in mapping.columns.items() if name != field_name}
    if header:
        same = [at for at, one in enumerate(mapping.headers) if one.casefold() == header.casefold()]
        if not same:
            raise OurFault("bad_input", f"No column is called “{header}”.")
        columns = {name: index for name, index in columns.items() if index != same[0]} | {field_name: same[0]}
    return Mapping(mapping.headers, columns)


def read_answers(table: Table, mapping: Mapping, *, language: str = "en") -> Answers:
    """The drafts in a table. Raises OurFault("bad_input") if no column says what is needed."""
    if "needs" not in mapping.columns:
        raise OurFault("bad_input", "No column says what is needed. Name it yourself: --map needs=Header.")
    drafts: list[AnswerDraft] = []
    bad_rows: list[BadRow] = []
    first_line: dict[bytes, int] = {}
    completed = 0
    # Not from `mapping`: the key must stay the same if a person maps the columns otherwise the next time.
    guessed = guess_mapping(table.headers).columns
    left_out = {guessed[name] for name in GROUPS_OWN if name in guessed}
    for row in table.rows:
        try:
            if row.fault:
                raise _Refused(row.fault)
            if _is_completed(row, mapping):
                completed += 1
                continue
            digest = _digest(row, table.headers, left_out)
            if digest in first_line:
                raise _Refused(f"the same answer stands in line {first_line[digest]}")
            drafts += _drafts(row, mapping, digest, language)
            first_line[digest] = row.line
        except _Refused as refusal:
            bad_rows.append(BadRow(row.line, str(refusal)))
    return Answers(drafts, completed, bad_rows)


def split_needs(cell: str) -> list[str]:
    """The needs that the ticked boxes of one cell name, each once.

    Semicolons or line breaks part them, else commas. A box's own words may hold commas too: in brackets,
    before "or", in a tail like "bills, forms or paperwork", and after "Other:"; a sentence stays whole.
    """
    text = clean(cell)
    if SENTENCE.search(text) and ";" not in text and "\n" not in text:
        return [text]
    signs = "\n" if "\n" in text else ";" if ";" in BRACKETS.sub("", text) else ","
    needs: list[str] = []
    depth, other = 0, False
    for piece in re.split(f"[{signs}]", text):
        need = piece.strip(" .,;")
        if not need:
            continue
        if needs and signs == "," and (depth > 0 or other or _continues(needs[-1], need)):
            needs[-1] = f"{needs[-1]}, {need}"
        else:
            needs.append(need)
        opened = need.count("(") + need.count("[") - need.count(")") - need.count("]")
        depth = max(0, depth + opened)
        other = other or OTHER_BOX.match(need) is not None
    unlike = {categories.plain_words(need): need for need in reversed(needs)}
    nothing = {"", *_words()["answers"]["no"]}
    return [need for plain, need in reversed(unlike.items()) if plain not in nothing]


SENTENCE = re.compile(r"\b(?:I|We|we|because|Ich|ich|Wir|wir|weil|Necesito|necesito|porque)\b")
BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]")
OTHER_BOX = re.compile(r"(?:other|something else|otro|otra|otra cosa|sonstiges|anderes)\s*:", re.IGNORECASE)
JOINED = re.compile(r"(?:and|or|y|o|u|e|und|oder|sowie|etc|usw|such as|including|z\. ?b)\b", re.IGNORECASE)
TAIL = re.compile(r" (?:and|or|y|o|und|oder) ")


def _continues(before: str, piece: str) -> bool:
    """Whether `piece`, after a comma, belongs to the same box as `before`."""
    if JOINED.match(piece):
        return True
    if not piece[:1].islower() or not TAIL.search(piece):
        return False
    return categories.guess(piece) in (categories.OTHER, categories.guess(before))


def _drafts(row: Row, mapping: Mapping, digest: bytes, language: str) -> list[AnswerDraft]:
    """One draft for each need of a row. Raises _Refused."""
    cell = {name: clean(row.cells[index]) for name, index in mapping.columns.items()}

    def given(name: str) -> str:
        return cell.get(name, "")

    needs = split_needs(given("needs"))
    if not needs:
        raise _Refused("it names no need")
    if len(needs) > NEEDS_A_ROW_MAX:
        raise _Refused(f"it names more than {NEEDS_A_ROW_MAX} needs")
    preference = given("contact_preference")
    contact = ", ".join(filter(None, map(given, CONTACT)))
    contact += f" ({preference})" if contact and preference else preference
    for label, value in (("name", given("name")), ("contact", contact), ("address", given("address")),
                         ("household", given("household"))):  # fmt: skip
        if len(value) > PRIVATE_CHARS_MAX:
            raise _Refused(f"its {label} is longer than {PRIVATE_CHARS_MAX} characters")
    known = [given(name) for name in ("name", *CONTACT, "address")]
    details, found_in_details = split_private(given("details"), known, language)
    often, found_in_often = split_private(_how_often(given("recurring"), language), known, language)
    text = "\n\n".join(filter(None, (details, often)))
    notes = _notes(row, mapping)
    drafts = []
    for need in needs:
        title, found_in_need = split_private(OTHER_BOX.sub("", need), known, language)
        title = title[:1].upper() + title[1:]
        category = categories.guess(need)
        public = text
        if SENTENCE.search(need) or len(title) > TITLE_CHARS_MAX:
            # A whole sentence is the text; the category's name serves as title.
            public = "\n\n".join(filter(None, (title, text)))
            title = categories.name(category, language)
        found = dict.fromkeys(found_in_need + found_in_details + found_in_often)
        new = " · ".join(one for one in found if not any(one in value for value in known))
        left_out = [f"{mapping.header('details') or mapping.header('needs')}: {new}"] if new else []
        draft = AnswerDraft(
            line=row.line,
            row_key=hashlib.sha256(digest + categories.plain_words(need).encode()).digest(),
            category=category,
            title=title or categories.name(category, language),
            text=public,
            urgency=_urgency(given("urgency")),
            area="",
            name=given("name"),
            contact=contact,
            address=given("address"),
            household=given("household"),
            notes="\n".join(notes + left_out),
        )
        _check_lengths(draft)
        drafts.append(draft)
    return drafts


def _check_lengths(draft: AnswerDraft) -> None:
    if len(draft.text) > TEXT_CHARS_MAX:
        raise _Refused(f"its details are longer than {TEXT_CHARS_MAX:,} characters")
    if len(draft.notes) > NOTES_CHARS_MAX:
        raise _Refused(f"its remaining columns come to more than {NOTES_CHARS_MAX:,} characters")
    private = draft.name + draft.contact + draft.address + draft.household + draft.notes
    if max(len((draft.title + draft.text).encode()), len(private.encode())) > SIDE_BYTES_MAX:
        raise _Refused("it is too long for one record")


def _notes(row: Row, mapping: Mapping) -> list[str]:
    """The cells without a place of their own, each behind its header."""
    placed = {mapping.columns[name] for name in PLACED if name in mapping.columns}
    others = [(header, row.cells[at]) for at, header in enumerate(mapping.headers) if at not in placed]
    return [f"{header.rstrip(':?')}: {clean(value)}" for header, value in others if value]


def _digest(row: Row, headers: tuple[str, ...], left_out: set[int]) -> bytes:
    """A hash of what the person answered: columns by header in order, blank ones left out."""
    answers = sorted(
        (" ".join(header.split()).casefold(), clean(row.cells[index]).casefold())
        for index, header in enumerate(headers)
        if index not in left_out and row.cells[index]
    )
    return hashlib.sha256("\x1e".join(f"{header}\x1f{value}" for header, value in answers).encode()).digest()


def _is_completed(row: Row, mapping: Mapping) -> bool:
    if "status" not in mapping.columns:
        return False
    words, said = _words()["answers"], categories.plain_words(row.cells[mapping.columns["status"]])
    if _says(mapping.header("status"), words["done"]) and said in words["yes"]:
        return True
    spoken = said.split()
    return any(
        word in words["done"] and not set(spoken[max(0, at - 2) : at]) & set(words["not_done"])
        for at, word in enumerate(spoken)
    )


def _urgency(answer: str) -> str:
    words = _words()["answers"]
    wordings = ((level, words[level]) for level in ("low", "normal", "urgent"))
    return next((level for level, wording in wordings if _says(answer, wording)), "normal")


def _how_often(answer: str, language: str) -> str:
    label, again, once = HOW_OFTEN.get(language, HOW_OFTEN["en"])
    words, said = _words()["answers"], categories.plain_words(answer)
    if not said:
        return ""
    return f"{label}: {again if said in words['yes'] else once if said in words['no'] else answer}"


def _says(text: str, wordings: list[str]) -> bool:
    """Whether one of `wordings` stands in `text` as whole words."""
    padded = f" {categories.plain_words(text)} "
    return any(f" {wording} " in padded for wording in wordings)


def _fit(words: list[str], wording: list[str]) -> int:
    """How well a wording fits a header: by its letters if it stands there, more if alone; else 0."""
    width = len(wording)
    for at in range(len(words) - width + 1):
        if all(map(_alike, words[at : at + width], wording)):
            return 2 * sum(map(len, wording)) + width + (len(words) == width)
    return 0


def _alike(word: str, expected: str) -> bool:
    """Equal, or in words of five letters or more one letter wrong, missing, too many or swapped."""
    if word == expected:
        return True
    if len(expected) < 5 or abs(len(word) - len(expected)) > 1 or word[:1] != expected[:1]:
        return False
    same = 1
    while word[same : same + 1] == expected[same : same + 1] != "":
        same += 1
    rest, wanted = word[same:], expected[same:]
    swapped = wanted[1:2] + wanted[:1] + wanted[2:]
    return rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:] or rest == swapped


@cache
def _words() -> dict[str, dict[str, list[str]]]:
    text = files("node").joinpath("data", "form-words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
