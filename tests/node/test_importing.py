"""A coordinator brings her group's form answers along: what is read, what stays private, what is reported."""

from __future__ import annotations

import csv
import io
from collections import Counter
from importlib.resources import files

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from node import categories
from node.form_privacy import split_private
from node.form_table import CELL_CHARS_MAX, COLUMNS_MAX, FILE_BYTES_MAX, ROWS_MAX
from node.importing import (
    AnswerDraft,
    Answers,
    guess_mapping,
    override,
    read_answers,
    read_table,
    split_needs,
)
from protocol.errors import OurFault

ANSWERS_200 = files("node").joinpath("data", "answers-200.csv")

# The header row of a real group's form; the row below it is made up here.
HEADERS = [
    "ID", "Organizer", "Status", "Name", "Timestamp", "Address", "email", "telephone",
    "Does your request need to remain anonymous? ", "Number of people in household ",
    "Is a member of your household over the age of 50, or otherwise at elevated risk? ",
    "What do you need? Check all that apply", "Is your need:", "Add any details about your request",
    "Is your need recurring?", "Organizer Results and Comments",
]  # fmt: skip
ROSA = {
    "ID": "7", "Organizer": "Sam", "Status": "New", "Name": "Rosa Kestrel", "Timestamp": "3/15/2020 22:49:40",
    "Address": "12 Teasel Street", "email": "rosa.kestrel@example.org", "telephone": "(555) 555-0143",
    HEADERS[8]: "Yes", HEADERS[9]: "7", HEADERS[10]: "No", HEADERS[11]: "Food, pet care, clothing/laundry",
    HEADERS[12]: "non urgent, I can wait a day or two", HEADERS[13]: "Mornings suit us best.",
    HEADERS[14]: "every week", HEADERS[15]: "left a message",
}  # fmt: skip


def csv_of(*rows: dict[str, str], delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADERS, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def answers_of(*rows: dict[str, str], language: str = "en") -> Answers:
    table = read_table(csv_of(*rows).encode())
    return read_answers(table, guess_mapping(table.headers), language=language)


def public_part(draft: AnswerDraft) -> str:
    return f"{draft.category} {draft.title} {draft.text} {draft.urgency} {draft.area}"


def bad_csv(data: bytes) -> str:
    with pytest.raises(OurFault) as caught:
        read_table(data)
    assert caught.value.code == "bad_csv"
    return caught.value.sentence


# --- one answer ---------------------------------------------------------------------------------------------


def test_one_answer_becomes_one_draft_a_need() -> None:
    food, pets, laundry = answers_of(ROSA).drafts
    assert [draft.title for draft in (food, pets, laundry)] == ["Food", "Pet care", "Clothing/laundry"]
    assert [draft.category for draft in (food, pets, laundry)] == ["food", "pets", "clothing.laundry"]
    assert food.text == "Mornings suit us best.\n\nHow often: every week"
    assert (food.line, food.urgency, food.area) == (2, "low", "")
    assert (food.name, food.address, food.household) == ("Rosa Kestrel", "12 Teasel Street", "7")
    assert food.contact == "(555) 555-0143, rosa.kestrel@example.org"
    assert "Does your request need to remain anonymous: Yes" in food.notes.split("\n")
    assert "Organizer Results and Comments: left a message" in food.notes.split("\n")
    assert len({draft.row_key for draft in (food, pets, laundry)}) == 3 and len(food.row_key) == 32


def test_private_things_in_the_free_words_move_to_the_private_notes() -> None:
    said = (
        "Rosa here, or rosa kestrel. Ring 555 0199 or 555.555.0143, write to rk@example.org or rosa"
        " at example dot org, see https://example.org/rosa or @rosakestrel. I am at 12 teasel street, and"
        " from 1 May at 40 Kiln Road. No phone on 3/20/2020, can be reached via email. Two bags, 3 kids."
    )
    need = "Food, Other: rides (call 555-0188)"
    for draft in answers_of(ROSA | {HEADERS[13]: said, HEADERS[11]: need}).drafts:
        public = public_part(draft)
        for secret in ("osa", "estrel", "01", "example", "easel", "Kiln", "@"):
            assert secret not in public, secret
        assert "[private]" in public
        assert "No phone on 3/20/2020, can be reached via email. Two bags, 3 kids." in draft.text
        for kept in ("555 0199", "rk@example.org", "rosa at example dot org", "40 Kiln Road", "@rosakestrel"):
            assert kept in draft.notes, kept
    assert "555-0188" in answers_of(ROSA | {HEADERS[11]: need}).drafts[1].notes


@pytest.mark.parametrize(
    ("said", "public"),
    [
        ("Llámame al 555 555 0101, vivo en la calle Mayor 5", "Llámame al [privado], vivo en la [privado]"),
        ("correo rosa arroba example punto org", "correo [privado]"),
        ("Sólo el martes 15/03/2020, para 2 personas", "Sólo el martes 15/03/2020, para 2 personas"),
    ],
)
def test_markers_speak_the_language(said: str, public: str) -> None:
    assert split_private(said, [], "es")[0] == public


def test_german_streets_and_numbers_go_too() -> None:
    public, found = split_private("Lindenstraße 12b, dritter Stock, Tel. 55501", [], "de")
    assert public == "[privat], dritter Stock, [privat]"
    assert found == ["Tel. 55501", "Lindenstraße 12b"]


@pytest.mark.parametrize(
    ("cell", "needs"),
    [
        ("Food, pet care, clothing/laundry", ["Food", "pet care", "clothing/laundry"]),
        ("Errands (groceries, pharmacy), rides", ["Errands (groceries, pharmacy)", "rides"]),
        ("Help with bills, forms or paperwork, Food", ["Help with bills, forms or paperwork", "Food"]),
        ("Food;Help with bills, forms;", ["Food", "Help with bills, forms"]),
        ("Food\nrides, long ones", ["Food", "rides, long ones"]),
        ("Food, Other: a bed, a table and a chair", ["Food", "Other: a bed, a table and a chair"]),
        ("Einkaufen, Papierkram, oder Ämter", ["Einkaufen", "Papierkram, oder Ämter"]),
        ("I need a walk, because I see badly", ["I need a walk, because I see badly"]),
        ("Food, food , FOOD", ["Food"]),
        ("None", []), (" , ;", []), ("", []),
    ],
)  # fmt: skip
def test_needs_are_split_where_boxes_end(cell: str, needs: list[str]) -> None:
    assert split_needs(cell) == needs


@pytest.mark.parametrize(
    ("answer", "urgency"),
    [
        ("non urgent, I can wait a day or two", "low"), ("urgent, I need it today", "urgent"), ("", "normal"),
        ("somewhat urgent, within days", "normal"), ("no es urgente", "low"), ("urgente", "urgent"),
        ("nicht dringend", "low"), ("Sofort!", "urgent"), ("banana", "normal"),
    ],
)  # fmt: skip
def test_urgency_is_heard_in_three_languages(answer: str, urgency: str) -> None:
    assert answers_of(ROSA | {HEADERS[12]: answer}).drafts[0].urgency == urgency


@pytest.mark.parametrize(
    ("status", "skipped"),
    [
        ("Completed", 1), ("completed (recurring) 4/15", 1), ("Done, no problems", 1), ("Closed", 1),
        ("erledigt", 1), ("Completada", 1), ("Not completed", 0), ("noch nicht erledigt", 0),
        ("Partially done", 0), ("New", 0), ("", 0),
    ],
)  # fmt: skip
def test_completed_answers_are_skipped_and_counted(status: str, skipped: int) -> None:
    answers = answers_of(ROSA | {"Status": status})
    assert (answers.skipped_completed, len(answers.drafts)) == (skipped, 0 if skipped else 3)


# --- the same answer again ----------------------------------------------------------------------------------


def keys(answers: Answers) -> set[bytes]:
    return {draft.row_key for draft in answers.drafts}


def test_an_answer_keeps_its_key_when_the_group_notes_something_or_the_file_grows() -> None:
    before = answers_of(ROSA)
    other = ROSA | {"ID": "8", "Name": "Hugo Wren"}
    after = answers_of(
        other, ROSA | {"Status": "In progress", "Organizer": "Ines", HEADERS[15]: "called twice"}
    )
    assert keys(before) < keys(after) and len(after.drafts) == 6
    retyped = csv_of(ROSA, delimiter=";").replace("Rosa Kestrel", "  Rosa  Kestrel ").encode("utf-16")
    table = read_table(retyped)
    assert keys(read_answers(table, guess_mapping(table.headers))) == keys(before)
    assert keys(answers_of(ROSA | {HEADERS[13]: "Evenings suit us best."})).isdisjoint(keys(before))


def test_the_same_answer_twice_in_a_file_is_taken_once_and_said() -> None:
    answers = answers_of(ROSA, ROSA | {"Organizer": "Jo"})
    assert len(answers.drafts) == 3
    assert [(bad.line, bad.reason) for bad in answers.bad_rows] == [(3, "the same answer stands in line 2")]


# --- bad rows hold up no other ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({HEADERS[11]: ""}, "it names no need"),
        ({HEADERS[13]: "x" * 2_001}, "its details are longer than 2,000 characters"),
        ({HEADERS[13]: "x" * (CELL_CHARS_MAX + 1)}, "a cell is longer than 10,000 characters"),
        ({HEADERS[13]: "x" * 200_000}, "a cell is longer than 10,000 characters"),
        ({"Name": "x" * 501}, "its name is longer than 500 characters"),
        ({HEADERS[15]: "x" * 2_001}, "its remaining columns come to more than 2,000 characters"),
        ({HEADERS[13]: "𝄞" * 1_900}, "it is too long for one record"),
        ({HEADERS[11]: ", ".join(f"thing {n}" for n in range(21))}, "it names more than 20 needs"),
        ({"Name": "caf\ufffd"}, "it holds signs that cannot be read as text"),
        ({"Name": "bell\x07"}, "it holds signs that cannot be read as text"),
    ],
)
def test_a_bad_row_is_reported_with_line_and_reason(change: dict[str, str], reason: str) -> None:
    after = ROSA | {"ID": "9", HEADERS[13]: "Two\nlines."}
    answers = answers_of(ROSA | {"ID": "8"}, ROSA | change, after)
    assert [(bad.line, bad.reason) for bad in answers.bad_rows] == [(3, reason)]
    assert {draft.line for draft in answers.drafts} == {2, 4}


def test_rows_that_break_the_table_are_reported_and_the_next_ones_read() -> None:
    data = b"name,needs\n"
    data += b'Amara,food\nBenno,"food\nCarla,rides\nElif,food,extra\nFarid,"a"b,c\nGreta\nHugo,pets,,\n'
    table = read_table(data)
    answers = read_answers(table, guess_mapping(table.headers))
    assert [(draft.line, draft.name) for draft in answers.drafts] == [(2, "Amara"), (4, "Carla"), (8, "Hugo")]
    quote = "a quotation mark is not closed, or stands in the wrong place"
    assert {bad.line: bad.reason for bad in answers.bad_rows} == {
        3: quote,
        5: "it has 3 cells, and there are 2 headers",
        6: quote,
        7: "it names no need",
    }


# --- the bytes of a table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
def test_encodings_delimiters_and_line_ends(encoding: str, delimiter: str, line_end: str) -> None:
    rows = [["Name", "Was brauchst du?"], ["Jörg Müller", 'Äpfel, Brot; "frisch"\nund Käse'], ["Zoë", "Öl"]]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    table = read_table(out.getvalue().replace("\n", line_end).encode(encoding))
    assert [list(table.headers), *(list(row.cells) for row in table.rows)] == rows
    assert [row.line for row in table.rows] == [2, 4]


def test_one_broken_byte_does_not_garble_the_other_accents() -> None:
    table = read_table("name,needs\nJörg,Öl\nZoë,Brot\nXX,Brot\n".encode().replace(b"XX", b"\xff"))
    assert [row.cells for row in table.rows] == [("Jörg", "Öl"), ("Zoë", "Brot"), ()]
    assert table.rows[2].fault


def test_headers_blank_repeated_or_after_blank_lines() -> None:
    table = read_table(b"\n,,\nname,,Name , name,needs,,\nA,b,c,d,food\n")
    assert table.headers == ("name", "Column 2", "Name", "name (2)", "needs")
    assert table.rows[0].line == 4
    assert read_table(b"sep=;\nname;needs, all\nA;b\n").headers == ("name", "needs, all")


def test_files_beyond_the_bounds_are_refused_with_the_line() -> None:
    assert "5 MiB" in bad_csv(b"a" * (FILE_BYTES_MAX + 1))
    assert bad_csv(b"needs\n" + b"food\n" * (ROWS_MAX + 1)) == "Line 5002: the file has more than 5,000 rows."
    assert len(read_table(b"needs\n" + b"food\n" * ROWS_MAX).rows) == ROWS_MAX
    assert "Line 1: there are more than 100 columns." in bad_csv(b"x," * COLUMNS_MAX + b"x\n")
    assert "Line 1: a cell is longer" in bad_csv(b"x" * (CELL_CHARS_MAX + 1))
    for empty in (b"", b"\n\n", b"\xef\xbb\xbf", b" , ,\n"):
        assert bad_csv(empty) == "The file is empty."
    assert "workbook" in bad_csv(b"PK\x03\x04rest of it")
    assert "not text" in bad_csv(b"\x89HDF\x01\x02\x03")
    assert "Line 2: a quotation mark" in bad_csv(b'\n"name\n')


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=400), st.text(alphabet='",;\n\r\ta é\x00\ufeff[(', max_size=200).map(str.encode)
    )
)
@example(b"\xff\xfe\x00")
@example(b'"')
@example(b"sep=")
def test_any_bytes_are_a_table_or_a_bad_one(data: bytes) -> None:
    try:
        table = read_table(b"needs,details,name\n" + data if len(data) % 2 else data)
    except OurFault as fault:
        assert fault.code == "bad_csv" and fault.sentence
        return
    assert table.headers and all(len(row.cells) == len(table.headers) for row in table.rows if not row.fault)
    mapping = override(guess_mapping(table.headers), f"needs={table.headers[0]}")
    answers = read_answers(table, mapping)
    heard_of = {draft.line for draft in answers.drafts} | {bad.line for bad in answers.bad_rows}
    assert len(heard_of) + answers.skipped_completed == len(table.rows)
    assert len(keys(answers)) == len(answers.drafts)


# --- columns ------------------------------------------------------------------------------------------------


def test_the_real_forms_columns_are_recognised() -> None:
    mapping = guess_mapping(HEADERS)
    assert {name: HEADERS.index(mapping.headers[index]) for name, index in mapping.columns.items()} == {
        "organizer": 1, "status": 2, "name": 3, "timestamp": 4, "address": 5, "email": 6, "phone": 7,
        "anonymous": 8, "household": 9, "risk": 10, "needs": 11, "urgency": 12, "details": 13,
        "recurring": 14, "comments": 15,
    }  # fmt: skip
    assert mapping.unused == ["ID"]


@pytest.mark.parametrize(
    "headers",
    [
        {"timestamp": "Marca temporal", "name": "Nombre y apellidos", "phone": "Teléfono",
         "email": "Correo electrónico", "address": "Dirección",
         "household": "¿Cuántas personas viven en casa?", "needs": "¿Qué necesitas?",
         "urgency": "¿Qué tan urgente es?", "details": "Añade detalles", "recurring": "¿Con qué frecuencia?",
         "contact_preference": "¿Cómo prefieres que te contactemos?", "status": "Estado"},
        {"timestamp": "Zeitstempel", "name": "Dein Name", "phone": "Telefonnummer", "email": "E-Mail-Adresse",
         "address": "Anschrift", "household": "Wie viele Personen leben im Haushalt?", "status": "Stand",
         "needs": "Wobei brauchst du Hilfe?", "urgency": "Wie dringend ist es?", "details": "Nähere Angaben",
         "recurring": "Regelmäßig?", "contact_preference": "Wie erreichen wir dich am besten?"},
        {"name": "Ful name", "phone": "Telphone", "email": "Email Address", "address": "Home adress",
         "needs": "What do you need help with?", "details": "Anything else we should know?",
         "organizer": "Volunteer name", "contact_preference": "Prefered contact"},
    ],
)  # fmt: skip
def test_headers_are_guessed_in_three_languages_and_with_slips(headers: dict[str, str]) -> None:
    mapping = guess_mapping(list(headers.values()))
    assert {name: mapping.header(name) for name in mapping.columns} == headers


def test_a_person_may_choose_the_columns() -> None:
    table = read_table(b"who,wish,More\nAmara,food,555-0101\n")
    mapping = guess_mapping(table.headers)
    with pytest.raises(OurFault, match="--map needs=Header"):
        read_answers(table, mapping)
    chosen = override(override(override(mapping, "needs=WISH"), "name = who"), "details=More")
    assert chosen.unused == [] and override(chosen, "details=").unused == ["More"]
    (draft,) = read_answers(table, chosen).drafts
    assert (draft.name, draft.title, draft.text, draft.notes) == (
        "Amara",
        "Food",
        "[private]",
        "More: 555-0101",
    )
    moved = override(chosen, "name=wish")
    assert "needs" not in moved.columns
    for wish in ("needs", "colour=who", "needs=nowhere", ""):
        with pytest.raises(OurFault) as caught:
            override(mapping, wish)
        assert caught.value.code == "bad_input"


# --- the file of 200 answers --------------------------------------------------------------------------------


def test_the_file_of_200_answers() -> None:
    """200 rows: 30 completed, 7 bad, and 163 with 264 needs between them."""
    data = ANSWERS_200.read_bytes()
    table = read_table(data)
    assert data.splitlines()[0].decode() == ",".join(f'"{h}"' if "," in h else h for h in HEADERS)
    assert len(table.rows) == 200
    answers = read_answers(table, guess_mapping(table.headers))
    assert answers.skipped_completed == 30
    assert [(bad.line, bad.reason) for bad in answers.bad_rows] == [
        (26, "it names no need"),
        (71, "it names no need"),
        (106, "it holds signs that cannot be read as text"),
        (156, "its details are longer than 2,000 characters"),
        (168, "it has 19 cells, and there are 16 headers"),
        (187, "the same answer stands in line 186"),
        (198, "it names no need"),
    ]
    assert len({draft.line for draft in answers.drafts}) == 163
    assert len(answers.drafts) == len(keys(answers)) == 264
    assert keys(read_answers(read_table(data), guess_mapping(table.headers))) == keys(answers)
    assert Counter(draft.urgency for draft in answers.drafts) == {"low": 104, "normal": 93, "urgent": 67}
    found = Counter(draft.category for draft in answers.drafts)
    assert len(found) >= 14 and found["other"] <= 1
    for draft in answers.drafts:
        public = public_part(draft)
        assert 0 < len(draft.title) <= 120 and len(draft.text) <= 2_000
        assert draft.category in {category.id for category in categories.all_categories()}
        assert "555" not in public and "example" not in public and "@" not in public
        assert not any(part in public for part in [draft.address or "…", draft.name, *draft.name.split()]), (
            draft
        )
