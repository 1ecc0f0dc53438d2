"""Takes contact details, addresses and names out of the free words of a form's answer.

A net, not a proof: it catches what has the look of a phone number, an e-mail or web address, a handle or a
street address, and whatever the person wrote into the form's private fields. What it catches too much of is
not lost, since it is kept with the private notes.
"""

from __future__ import annotations

import re
import unicodedata

MARKERS = {"en": "[private]", "es": "[privado]", "de": "[privat]"}
PHONE_DIGITS_MIN = 7
KNOWN_CHARS_MIN = 3
LONG_NAME_CHARS = 5

DATE = re.compile(r"(?<!\d)(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|\d{4}[./-]\d{1,2}[./-]\d{1,2})(?!\d)")
PHONE = re.compile(r"[+(]{0,2}\d(?:[ ().\-\u2010-\u2015\u2212/·]{0,3}\d){6,}")
MAIL_AND_WEB = [
    # mail: as it is, with spaces around the sign, or spelled out
    re.compile(r"(?<![\w.+%'-])[\w.+%'-]+@\w(?:[\w.-]*\w)?"),
    re.compile(r"(?<![\w.+%-])[\w.+%-]+ ?@ ?[\w-]+(?:\.[\w-]+)+"),
    re.compile(
        r"(?<![\w.+%-])(?:\w{1,40} ?(?:dot|punto|punkt) ?){0,3}"
        r"[\w.+%-]{1,64} ?[(\[{]? ?(?:at|arroba|ät|@) ?[)\]}]? ?[\w-]{1,64}"
        r" ?[(\[{]? ?(?:dot|punto|punkt) ?[)\]}]? ?[a-z]{2,}",
        re.IGNORECASE,
    ),
    # web addresses, handles
    re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE),
    re.compile(r"(?<![\w.-])[\w-]+\.(?:com|me|org|net|de|es)/\S+", re.IGNORECASE),
    re.compile(r"(?<!\w)@\w[\w.]*\w"),
]
NUMBERS_AND_PLACES = [
    # short numbers that say what they are
    re.compile(
        r"\b(?:tel|phone|telefon\w*|tel[eé]fono|handy|cell|mobile|whatsapp|m[oó]vil)\b"
        r"[^\w\n]{1,3}\d[\d /.-]{2,20}\d",
        re.IGNORECASE,
    ),
    # streets: English, German, Spanish; then the flat
    re.compile(
        r"\b\d{1,5}[a-z]? (?:(?!(?:the|my|our|this|your|an?|by|one|any|no|some|each|half|on|in|down|up)\b)"
        r"[\w'.-]{1,30} ){1,3}(?:street|st|avenue|ave|road|rd|lane|ln|boulevard|blvd)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b\d{1,5}[a-z]? (?:[A-Z][\w'.-]{0,30} ){1,3}"
        r"(?:Drive|Dr|Way|Place|Pl|Court|Ct|Terrace|Circle|Square)\b"
    ),
    re.compile(
        r"(?<![\w-])[\w-]{1,40}?[ -]?(?:straße|strasse|str\.?|gasse|allee|platz|weg|ring|ufer|damm)"
        r" ?\d{1,4}(?: ?[a-h])?\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?<!\w)(?:calle|c/|avenida|avda?\.?|plaza) ?[^\n;]{2,40}?,? ?(?:n[.ºo°]* ?)?\d{1,5}\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:apt|apartment|unit|whg|wohnung)\b\.? ?#?\d+\w?\b", re.IGNORECASE),
]
WORD = re.compile(r"[^\W\d_][\w'-]{2,}")
# Words of an address that tell nothing alone.
WAYS = set(
    "street avenue road lane drive place court apartment unit north south east west the"
    " calle avenida plaza straße strasse platz weg allee".casefold().split()
)
# Written where a form insists on an answer; not somebody's name.
NOBODY = {"anonymous", "anonimo", "anonym", "none", "n/a", "na", "no", "not given", "keine", "ninguno"}


def clean(text: str) -> str:
    """`text` in one normal form: compatibility signs resolved, invisible signs gone, white space tidy."""
    plain = unicodedata.normalize("NFKC", text).replace("\t", " ")
    # The two joiners are kept: some scripts need them.
    plain = "".join(char for char in plain if unicodedata.category(char) != "Cf" or char in "\u200c\u200d")
    lines = (" ".join(line.split()) for line in plain.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def split_private(text: str, known: list[str], language: str) -> tuple[str, list[str]]:
    """Cleaned `text` with a marker for each private thing in it, and those things in the order of finding.

    `known`: what the person gave in the private fields (name, address, phone …), to be found again in `text`.
    """
    marker = MARKERS.get(language, MARKERS["en"])
    found: list[str] = []

    def take(match: re.Match[str]) -> str:
        found.append(match.group().strip())
        return marker

    def take_phone(match: re.Match[str]) -> str:
        without_dates = DATE.sub("", match.group())
        if sum(char.isdigit() for char in without_dates) < PHONE_DIGITS_MIN:
            return match.group()
        return take(match)

    public = clean(text)
    values = [value for value in map(clean, known) if _tells_something(value)]
    if values:
        wordings = "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))
        public = re.sub(rf"(?<!\w)(?:{wordings})(?!\w)", take, public, flags=re.IGNORECASE)
    for pattern in MAIL_AND_WEB:
        public = pattern.sub(take, public)
    public = PHONE.sub(take_phone, public)
    for pattern in NUMBERS_AND_PLACES:
        public = pattern.sub(take, public)
    # Last, so that they tear no mail address apart: the words of names and places alone. Short ones count
    # only as they were written, since they may be common words, as the names Will and May are.
    parts = {part for value in values for part in WORD.findall(value) if part[0].isupper()}
    parts = {part for part in parts if part.casefold() not in WAYS}
    parts |= {part.casefold() for part in parts if len(part) >= LONG_NAME_CHARS}

    def take_part(match: re.Match[str]) -> str:
        return take(match) if {match.group(), match.group().casefold()} & parts else match.group()

    return WORD.sub(take_part, public), found


def _tells_something(value: str) -> bool:
    return len(value) >= KNOWN_CHARS_MIN and value.casefold() not in NOBODY
