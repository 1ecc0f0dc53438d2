"""Starting the node as a process, as a person starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import aiohttp
import pytest

from node.actions import setup
from node.app import Node
from node.cli import links
from node.cli.running import announce
from node.serve import Served
from node.settings import Settings
from node.store.database import DATABASE_NAME
from tests.cli.world import Person
from tests.node.process import REPOSITORY
from tests.node.serving import settings_of


@contextmanager
def barnraise(*words: str) -> Iterator[subprocess.Popen[str]]:
    """`barnraise WORDS` as a process of its own; killed at the end if it still runs."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BARNRAISE_")}
    with subprocess.Popen(
        [sys.executable, "-m", "node.cli.main", *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=REPOSITORY, env=environment,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def run_words(data: Path, port: int = 0) -> tuple[str, ...]:
    return ("run", "--data", str(data), "--port", str(port), "--listen", "127.0.0.1", "--discovery", "off")


async def get(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def test_a_first_start_shows_how_to_begin_and_a_kill_hurts_nobody(tmp_path: Path) -> None:
    person = Person(tmp_path / "data")
    with barnraise(*run_words(person.data)) as process:
        assert process.stdout is not None and process.stderr is not None
        ready = process.stdout.readline()
        assert re.fullmatch(r"ready http://127\.0\.0\.1:\d+\n", ready)
        url = ready.split()[1]
        lines = [process.stdout.readline()]
        while "Ctrl+C" not in lines[-1]:
            lines.append(process.stdout.readline())
        (link,) = re.findall(r"http://\S+/setup/\S+", "".join(lines))
        assert link.startswith(f"{url}/setup/") and "works once" in "".join(lines)
        assert await get(link) == 200 and await get(f"{url}/healthz") == 200
        (fresh,) = (await person.asks("setup-link", "--json")).json["links"]
        assert await get(fresh) == 200 and await get(link) != 200, "the new link replaces the old"
        process.kill()
        process.wait()
    assert (person.data / "node.sock").exists(), "it had no time to tidy up"
    assert not (await person.asks("status", "--json")).json["running"]
    with barnraise(*run_words(person.data)) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith("ready ")
        assert (await person.asks("status", "--json")).json["running"]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        said = process.stderr.read()
    assert "/setup/" not in said and "Traceback" not in said, "one-time links are not logged"
    assert not (person.data / "node.sock").exists()


def refused(*words: str) -> str:
    """What is said on stderr, by a process that ends with 1 and has nothing on stdout."""
    with barnraise(*words) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, ""), (out, err)
    assert err.count("\n") == 1, err
    return err.strip()


def test_a_port_in_use_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refused(*run_words(tmp_path / "data", port))
    assert re.match(rf"Port {port} is in use by .+ \({os.getpid()}\)\. Stop that program", said), said


def make_newer(data: Path) -> None:
    """As if a later version had worked in this folder."""
    with closing(sqlite3.connect(data / DATABASE_NAME)) as database, database:
        database.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('barnraise', 'of_the_future', '2040-01-01')"
        )


def test_a_folder_of_a_newer_version(alder: Person) -> None:
    make_newer(alder.data)
    said = "This data folder was written by a newer Barnraise. Update the program to open it."
    assert refused(*run_words(alder.data)) == said
    assert alder.types("status").err == said + "\n"


def test_a_folder_in_use(alder: Person) -> None:
    node = Node(settings_of(alder.data))
    try:
        said = "Another Barnraise process is using this data folder. Wait for it, or stop it."
        assert refused(*run_words(alder.data)) == said
        assert alder.types("status").err == said + "\n"
    finally:
        node.close()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BARNRAISE_PORT", "many", "BARNRAISE_PORT is 'many', but a port is a number."),
        ("BARNRAISE_PORT", "70000", "A port is a number from 0 to 65535, not 70000."),
        ("BARNRAISE_DISCOVERY", "some", "Discovery is all, loopback or off, not 'some'."),
    ],
)
def test_a_setting_that_makes_no_sense(alder: Person, name: str, value: str, said: str) -> None:
    typed = alder.types("run", **{name: value})
    assert (typed.exit, typed.err) == (1, said + "\n")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    typed = Person(tmp_path / "file" / "data").types("run", "--port", "0")
    assert typed.exit == 1 and "Not a directory" in typed.err and typed.err.count("\n") == 1


# what is shown


NETWORK = ["http://localhost:8420", "http://192.168.1.20:8420", "http://10.0.0.7:8420"]


def test_links_for_phones_have_the_address_first_and_the_name_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.serve.urls", lambda settings: NETWORK)
    monkeypatch.setattr("socket.gethostname", lambda: "Hallway.lan")
    settings = Settings(tmp_path)
    assert links.bases(settings, "") == [*NETWORK[1:], "http://hallway.local:8420"]
    assert links.bases(settings, "ab12" * 16) == [*NETWORK[1:], "http://barnraise-ab12.local:8420"]
    monkeypatch.setattr("node.serve.urls", lambda settings: NETWORK[:1])
    assert links.bases(settings, "ab12" * 16) == NETWORK[:1]
    monkeypatch.setattr("node.serve.urls", lambda settings: ["http://192.168.1.20:8420"])
    assert links.bases(settings, "") == ["http://192.168.1.20:8420"], "only there it listens"


async def test_what_stands_in_the_terminal_at_the_first_start_and_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("node.serve.urls", lambda settings: NETWORK)
    node = Node(settings_of(tmp_path, 8420))
    try:
        announce(Served(node, NETWORK))
        shown = capsys.readouterr().out
        token = shown.split("/setup/")[1].split()[0]
        setup.check_setup(node, token)
        assert shown.startswith("ready http://localhost:8420\n")
        assert f"  http://192.168.1.20:8420/setup/{token}\n" in shown, "whole, on a line of its own"
        assert f".local:8420/setup/{token}    (some phones" in shown and shown.count("/setup/") == 3
        assert "█" in shown and "192.168.1.20:8420  " in shown
        await setup.set_up(
            node, token, neighborhood="Alder \x1b[31mStreet", area="", name="Ines",
            passphrase="seven tall sunflowers", language="en",
        )  # fmt: skip
        announce(Served(node, NETWORK))
        shown = capsys.readouterr().out
        assert "/setup/" not in shown and "\x1b" not in shown
        assert f"http://barnraise-{node.home.hex()[:4]}.local:8420" in shown
    finally:
        node.close()


# the doctor


def checks(person: Person, *words: str) -> tuple[int, dict[str, dict[str, object]]]:
    typed = person.types("doctor", "--json", *words)
    found = json.loads(typed.out)
    assert found["ok"] == all(one["ok"] for one in found["checks"])
    return typed.exit, {one["name"]: one for one in found["checks"]}


def test_a_healthy_node(alder: Person) -> None:
    with socket.socket() as free:
        free.bind(("0.0.0.0", 0))
        port = free.getsockname()[1]
    exit_status, found = checks(alder, "--port", str(port))
    names = "Python, Data folder, Database, Key file, Backup, Disk, Port, Clock, Finding others, Addresses"
    assert exit_status == 0 and ", ".join(found) == names
    assert found["Database"]["said"] == "sound, not in use, Alder Street"
    assert found["Port"]["said"] == f"{port} is free"
    shown = alder.types("doctor", "--port", str(port)).out
    assert re.search(r"^ok +Database: sound", shown, re.MULTILINE)


def test_a_node_that_could_not_run(alder: Person) -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = other.getsockname()[1]
        (alder.data / "node.key").chmod(0o644)
        make_newer(alder.data)
        exit_status, found = checks(alder, "--port", str(port))
        shown = alder.types("doctor", "--port", str(port))
    assert exit_status == 1
    assert found["Port"]["stops"] and found["Port"]["said"] == f"{port} is in use by another program"
    assert found["Database"]["stops"] and found["Database"]["advice"] == "Update Barnraise on this machine."
    assert not found["Key file"]["stops"] and str(found["Key file"]["advice"]).startswith("Run: chmod 600 ")
    assert shown.exit == 1 and f"attention  Port: {port} is in use" in shown.out


def test_a_damaged_database(alder: Person) -> None:
    (alder.data / DATABASE_NAME).write_bytes(b"to whom it may concern\n" * 500)
    exit_status, found = checks(alder, "--port", "0")
    assert exit_status == 1 and "is damaged" in str(found["Database"]["said"])
    typed = alder.types("board")
    assert typed.exit == 1 and "is damaged" in typed.err and typed.err.count("\n") == 1


def test_a_machine_before_its_first_start(tmp_path: Path) -> None:
    person = Person(tmp_path / "data")
    exit_status, found = checks(person, "--port", "0")
    assert exit_status == 0 and "will be made" in str(found["Data folder"]["said"])
    assert "none yet" in str(found["Database"]["said"]) and not person.data.exists()
