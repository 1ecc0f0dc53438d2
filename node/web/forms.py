"""Reading a submitted form: typed fields, and every error collected so that all are shown at once.

A `Form` is also what a template shows: `value(name)` is what was entered, `errors[name]` what to do about it.
Sentences are translated as they are added. Nothing here knows HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from unicodedata import category

from multidict import MultiDict, MultiMapping

from node.sheets import SheetFault
from node.web.languages import phrase
from protocol.errors import SENTENCES, Fault

Translate = Callable[[str], str]

# Faults of the use cases that are about one field: shown there, if the form has it.
FIELD_OF_FAULT = {
    "name_taken": "name",
    "bad_name": "name",
    "weak_passphrase": "passphrase",
    "wrong_passphrase": "passphrase",
    "bad_code": "code",
    "used_link": "code",
    "unknown_invite": "code",
    "unreachable": "address",
}

EPOCH = date(1970, 1, 1)


class Form:
    def __init__(self, entered: Mapping[str, str] | MultiMapping[str] | None, translate: Translate) -> None:
        self.entered: MultiDict[str] = MultiDict(entered or {})
        self.errors: dict[str, str] = {}
        self.general = ""  # an error about the whole form
        self._translate = translate

    def value(self, name: str) -> str:
        return self.entered.get(name, "")

    def values(self, name: str) -> list[str]:
        return self.entered.getall(name, [])

    def __bool__(self) -> bool:
        """True when something needs another look."""
        return bool(self.errors or self.general)

    def summary(self) -> Iterator[tuple[str, str]]:
        """(field, sentence) of each error; the field is "" for one about the whole form."""
        if self.general:
            yield "", self.general
        yield from self.errors.items()

    def wrong(self, name: str, sentence: str, **numbers: object) -> None:
        """Add an English sentence to a field; the first one stands."""
        translated = self._translate(sentence)
        self.errors.setdefault(name, translated % numbers if numbers else translated)

    def wrong_as_a_whole(self, sentence: str, **numbers: object) -> None:
        """The same for the form as a whole."""
        translated = self._translate(sentence)
        self.general = translated % numbers if numbers else translated

    def text(self, name: str, *, most: int, needed: str = "", lines: bool = False) -> str:
        """A trimmed text of at most `most` characters; `needed` is the sentence shown when it is empty."""
        entered = self.value(name).replace("\r\n", "\n")
        kept = "".join(
            sign for sign in entered if sign in "\n\t" or category(sign) != "Cc"
        )  # no control signs
        text = kept.strip() if lines else " ".join(kept.split())
        if needed and not text:
            self.wrong(name, needed)
        if len(text) > most:
            self.wrong(
                name,
                phrase("This is %(length)d characters long. Please shorten it to %(most)d."),
                length=len(text),
                most=most,
            )
        return text

    def number(self, name: str, *, least: int, most: int, otherwise: int | None = None) -> int:
        entered = self.value(name).strip()
        if not entered and otherwise is not None:
            return otherwise
        try:
            number = int(entered[:9])
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            self.wrong(
                name, phrase("Please give a number from %(least)d to %(most)d."), least=least, most=most
            )
            return least
        return number

    def choice(self, name: str, options: Collection[str], needed: str = "", otherwise: str = "") -> str:
        """One of `options`; anything else counts as nothing chosen."""
        entered = self.value(name)
        if entered in options:
            return entered
        if needed:
            self.wrong(name, needed)
        return otherwise

    def day(self, name: str) -> int:
        """A day, as days since 1970-01-01, from the form 2026-07-21."""
        try:
            return (date.fromisoformat(self.value(name).strip()) - EPOCH).days
        except ValueError:
            self.wrong(name, phrase("Please give the date as year-month-day, for example 2026-07-21."))
            return 0

    def passphrase(self) -> str:
        """The passphrase, entered twice. Never trimmed: blanks at its ends may be meant."""
        passphrase = self.value("passphrase")
        if len(passphrase) < 8:
            self.wrong("passphrase", SENTENCES["weak_passphrase"])
        elif len(passphrase) > 200:
            self.wrong("passphrase", phrase("Please choose a passphrase of at most 200 characters."))
        elif passphrase != self.value("passphrase_again"):
            self.wrong("passphrase_again", phrase("The two passphrases differ. Please type them again."))
        return passphrase

    def refuse(self, fault: Fault) -> None:
        """Show what a use case refused, at its field if the form has that field, else at the top.

        A fault of a recovery sheet stands at its field and names the word, in the reader's language.
        """
        if isinstance(fault, SheetFault):
            if fault.sheet:
                self.wrong(f"sheet-{fault.sheet}", fault.pattern, **fault.values)
            else:
                self.wrong_as_a_whole(fault.pattern, **fault.values)
            return
        field = FIELD_OF_FAULT.get(fault.code, "")
        if field and field in self.entered:
            self.wrong(field, fault.sentence)
        else:
            self.wrong_as_a_whole(fault.sentence)
