"""What all tests share: what they may count on, how Hypothesis searches, and where pictures go."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The usual run looks at the same examples every time. The long one draws new ones and prints how to
# replay a failure. No deadline: these machines are shared.
settings.register_profile("usual", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("usual")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PICTURES = pytest.StashKey[list[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", metavar="FOLDER", help="browser tests leave their pictures in FOLDER")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[PICTURES] = []


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and CHROMIUM is None:
        pytest.skip("there is no Chromium here; apt install chromium")
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("this needs root")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    folder = session.config.getoption("--screenshots")
    if folder and exitstatus == 0 and not session.config.stash[PICTURES]:
        print(f"\nno test left a picture for {folder}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What tests have to tell: `record_property("summary", text)`, also from the processes of xdist."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, text in report.user_properties if report.when == "call" else ():
            if name == "summary":
                terminalreporter.write_sep("-", report.nodeid)
                terminalreporter.write_line(text)


@pytest.fixture
def chromium() -> str:
    """The path of the system's browser, for Playwright's `executable_path`; in a test marked `browser`."""
    assert CHROMIUM is not None, "mark this test with pytest.mark.browser"
    return CHROMIUM


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[str], Path | None]:
    """`picture("board-phone")` is the path to save that picture at, or None where none were asked for."""

    def path(name: str) -> Path | None:
        folder: Any = request.config.getoption("--screenshots")
        if not folder:
            return None
        target = Path(folder).resolve() / f"{name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        request.config.stash[PICTURES].append(target)
        return target

    return path
