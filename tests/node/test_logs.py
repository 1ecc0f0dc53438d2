"""What a node writes to its log: where something went wrong, and no word of anybody's."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator

import pytest

from node.logs import FORMAT, DiscreetFormatter, log_to
from protocol.errors import OurFault

SECRET = "the words of Mrs Okafor"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """A log as `barnraise run` has it, at debug level."""
    root, written = logging.getLogger(), io.StringIO()
    before, level = list(root.handlers), root.level
    log_to(written, logging.DEBUG)
    yield written
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
    root.setLevel(level)


def fail(error: BaseException) -> None:
    raise error


def test_an_exception_is_told_without_its_text(log: io.StringIO) -> None:
    try:
        try:
            fail(ValueError(SECRET))
        except ValueError as error:
            raise KeyError(SECRET) from error
    except KeyError:
        logging.getLogger("barnraise").exception("POST %s", "/posts/new")
    told = log.getvalue()
    assert "Okafor" not in told
    assert "ERROR barnraise: POST /posts/new" in told and "in fail" in told and "test_logs.py" in told
    assert told.index("ValueError") < told.index("then") < told.index("KeyError")


def test_what_another_handler_has_formatted_is_not_taken_over(log: io.StringIO) -> None:
    try:
        fail(RuntimeError(SECRET))
    except RuntimeError as error:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "oh", (), (type(error), error, None))
    assert "Okafor" in logging.Formatter(FORMAT).format(record)
    assert "Okafor" not in DiscreetFormatter(FORMAT).format(record)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OurFault("bad_input", SECRET), "protocol.errors.OurFault (bad_input)"),
        (FileNotFoundError(2, "no file", f"/home/{SECRET}"), "FileNotFoundError (2)"),
        (UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, "why"), "UnicodeDecodeError"),
    ],
)
def test_a_code_or_a_number_may_be_told(log: io.StringIO, error: BaseException, told: str) -> None:
    try:
        fail(error)
    except BaseException:
        logging.getLogger("barnraise").exception("oh")
    assert log.getvalue().rstrip().endswith(told) and "Okafor" not in log.getvalue()


async def test_a_forgotten_task_tells_nothing_of_what_it_held(log: io.StringIO) -> None:
    async def work() -> None:
        fail(RuntimeError(SECRET))

    task = asyncio.create_task(work())
    await asyncio.wait([task])
    loop = asyncio.get_running_loop()
    loop.call_exception_handler(
        {"message": "Task exception was never retrieved", "exception": task.exception(), "future": task}
    )
    assert "never retrieved" in log.getvalue() and "RuntimeError" in log.getvalue()
    assert "Okafor" not in log.getvalue()
