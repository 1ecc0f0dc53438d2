"""The house keeps its shape: who may import whom, how long files get, what the locks and `make` promise."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bootstrap

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FLOORS = ("protocol", "sync", "node")
LINES_MAX = 400
# Written in two halves, so that this file does not find itself.
FOREIGN = ("/work" + "/", "/root" + "/", "pypi" + ".org", "python" + "hosted.org", "pi" + "wheels.org")


def kept_files(root: Path) -> list[Path]:
    """The files that belong to the project: what git keeps or would keep."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        found = [root / name for name in listed.stdout.split("\0") if name]
    else:
        # An unpacked archive: all but hidden files.
        every = root.rglob("*")
        found = [p for p in every if not any(part.startswith(".") for part in p.relative_to(root).parts)]
    return sorted({path for path in found if path.is_file() and "__pycache__" not in path.parts})


def copy_of_the_tree(target: Path) -> None:
    for path in kept_files(ROOT):
        copied = target / path.relative_to(ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)


# ---- imports


def lint_imports(root: Path) -> tuple[int, str]:
    """Check the import contracts of the tree at `root`; gives the exit status and what was printed."""
    command = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    where = {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=root, env=where, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def shells() -> set[str]:
    """The modules of sync that may do I/O: those whose imports the contract `pure` leaves out."""
    pure = next(c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["id"] == "pure")
    return {line.split(" -> ")[0] for line in pure["ignore_imports"]}


def pure_files(root: Path) -> dict[str, Path]:
    """{module: file} of protocol and of all of sync but its shells."""
    found = {}
    for path in [*(root / "protocol").rglob("*.py"), *(root / "sync").rglob("*.py")]:
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        if ".".join(module.split(".")[:2]) not in shells():
            found[module] = path
    return found


def impurities(source: str) -> list[str]:
    """What a pure file does that no import betrays: opens files, reads a clock, imports a shell."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)]
            if node.level:  # what it names cannot be seen from the line alone
                found.append("imports by a relative name")
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("open", "print", "input", "eval", "exec", "__import__"):
                found.append(f"calls {called}")
            if re.fullmatch(r"(datetime\.)?(datetime|date)\.(now|utcnow|today)", called):
                found.append(f"calls {called}")
        found += [f"imports {name}" for name in names if name in shells()]
    return found


def test_the_tree_keeps_its_import_contracts() -> None:
    status, printed = lint_imports(ROOT)
    assert status == 0, printed


def test_no_pure_file_does_what_imports_do_not_show() -> None:
    assert len(pure_files(ROOT)) > 10
    found = {module: impurities(path.read_text()) for module, path in pure_files(ROOT).items()}
    assert {module: what for module, what in found.items() if what} == {}


@pytest.mark.parametrize(
    ("file", "line", "named"),
    [
        ("protocol/errors.py", "import sync.limits", "protocol.errors -> sync.limits"),
        ("protocol/errors.py", "import time", "protocol.errors -> time"),
        ("protocol/kinds/shapes.py", "from os import urandom", "protocol.kinds.shapes -> os"),
        ("sync/limits.py", "import asyncio", "sync.limits -> asyncio"),
        ("sync/limits.py", "from node import VERSION", "sync.limits -> node"),
        ("sync/somethingnew.py", "import random", "sync.somethingnew -> random"),
        ("node/web/keys.py", "import sqlite3", "node.web.keys -> sqlite3"),
    ],
)
def test_a_planted_import_breaks_a_contract(tmp_path: Path, file: str, line: str, named: str) -> None:
    copy_of_the_tree(tmp_path)
    with (tmp_path / file).open("a") as planted:
        planted.write(f"\n{line}\n")
    status, printed = lint_imports(tmp_path)
    assert status == 1 and named in printed, printed


@pytest.mark.parametrize(
    "line",
    [
        "open('/etc/hosts')",
        "datetime.datetime.now()",
        "date.today()",
        "__import__('time')",
        "from sync import runner",
        "from sync.channel import Channel",
        "from . import limits",
    ],
)
def test_a_planted_side_effect_is_found(line: str) -> None:
    assert impurities(line) and not impurities("from protocol.errors import TheirFault\nnow = moment.now(5)")


# ---- files


def test_no_file_is_too_long() -> None:
    sources = [p for p in kept_files(ROOT) if p.suffix in (".py", ".js", ".css", ".html")]
    assert ROOT / "tests" / "test_structure.py" in sources
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in sources}
    assert {name: lines for name, lines in lengths.items() if lines > LINES_MAX} == {}


def test_no_file_names_a_machine_or_a_package_index() -> None:
    found = []
    for path in kept_files(ROOT):
        content = path.read_bytes()
        if b"\0" not in content:
            found += [(str(path.relative_to(ROOT)), word) for word in FOREIGN if word.encode() in content]
    assert found == []


def test_the_license_is_the_whole_agpl() -> None:
    official = "0d96a4ff68ad6d4b6f1f30f713b18d5184912ba8dd389f86aa7710db079abcb0"  # agpl-3.0.txt of gnu.org
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == official


# ---- locks


def locked(name: str) -> dict[str, str]:
    """{package: version} of a lock. Nothing may stand in it but pins, their markers and their hashes."""
    pins: dict[str, str] = {}
    hashed: set[str] = set()
    package = ""
    for line in (ROOT / name).read_text().splitlines():
        if pin := re.fullmatch(r"([a-z0-9-]+)==([0-9][0-9a-z.]*)( ; .*?)? \\", line):
            package = pin[1]
            assert package not in pins, f"{package} stands twice in {name}"
            pins[package] = pin[2]
        else:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), f"{name}: {line}"
            hashed.add(package)
    assert hashed == set(pins)
    return pins


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_covers_the_project(name: str) -> None:
    wanted = list(PROJECT["project"]["dependencies"])
    if name == "requirements-dev.lock":
        wanted += PROJECT["dependency-groups"]["dev"]
    pins = locked(name)
    for requirement in map(Requirement, wanted):
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None and requirement.specifier.contains(version), f"{requirement}: {version}"


def test_the_development_lock_holds_the_runtime_lock() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()


def test_the_lock_of_the_checkers_by_others() -> None:
    assert {"pycose", "pycddl", "cbor2"} <= set(locked("requirements-cose.lock"))


# ---- setting up


APT = "sudo apt install -y git make python3-venv"
GOOD = ((3, 11), True, True, "good")


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (
            [((3, 9), True, True, "a"), ((3, 10), True, True, "b")],
            ("3.11 or newer", "this is Python 3.9", APT),
        ),
        ([((3, 11), False, True, "a"), ((3, 9), True, True, "b")], ("64-bit",)),
        ([((3, 11), True, False, "a")], ("venv and ensurepip", APT)),
        ([], ("No working Python", APT)),
    ],
)
def test_an_unfit_python_is_refused_in_one_sentence(
    found: list[tuple[object]], named: tuple[str, ...]
) -> None:
    with pytest.raises(bootstrap.Refusal) as refused:
        bootstrap.choose(found)
    assert all(words in str(refused.value) for words in named) and "\n" not in str(refused.value)
    assert bootstrap.choose([*found, GOOD]) == "good"


def test_an_old_python_can_read_the_sentence() -> None:
    ast.parse((ROOT / "bootstrap.py").read_text(), feature_version=(3, 8))


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without packages for bootstrap to work on; its pip does nothing and its Python is good."""
    for name in ("pyproject.toml", "bootstrap.py", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(bootstrap, "ROOT", str(tmp_path))
    monkeypatch.setattr(bootstrap, "probe", lambda python: GOOD)
    monkeypatch.setattr(bootstrap, "make_venv", lambda python: None)
    monkeypatch.setattr(bootstrap, "run_pip", lambda *arguments: None)
    return tmp_path


def test_a_failed_set_up_is_not_taken_for_done(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.main(["run"]) == 0 and bootstrap.is_done("run")

    def no_internet(*arguments: str) -> None:
        raise bootstrap.Refusal("No internet.")

    with monkeypatch.context() as broken:
        broken.setattr(bootstrap, "run_pip", no_internet)
        (bare / "requirements.lock").write_text("another==1\n")
        assert not bootstrap.is_done("run")
        assert bootstrap.main(["run"]) == 1
        assert capsys.readouterr().err == "No internet.\n"
        # Even with the lock put back as it was: half of the other one may be installed.
        shutil.copy(ROOT / "requirements.lock", bare)
        assert not bootstrap.is_done("run")
    assert bootstrap.main(["run"]) == 0 and bootstrap.is_done("run")


def test_a_finished_set_up_is_passed_over(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bootstrap.main(["dev"]) == 0
    monkeypatch.setattr(bootstrap, "run_pip", lambda *arguments: pytest.fail("installed again"))
    assert bootstrap.main(["dev"]) == 0 and bootstrap.main(["run"]) == 0
    monkeypatch.setattr(bootstrap, "probe", lambda python: ((3, 13), *GOOD[1:]))
    assert not bootstrap.is_done("run"), "a Python of another version has none of the packages"
    assert bootstrap.main(["everything"]) == 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_make_setup_in_a_fresh_clone(tmp_path: Path) -> None:
    clone = tmp_path / "a clone, with a space"
    copy_of_the_tree(clone)

    def run(folder: Path, *command: str) -> str:
        # `make test-all` may be what runs this: a make within a make would say so
        outside = {
            name: value for name, value in os.environ.items() if "MAKE" not in name and name != "MFLAGS"
        }
        done = subprocess.run(command, cwd=folder, env=outside, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def what_runs(folder: Path) -> str:
        assert "Usage: barnraise" in run(folder, ".venv/bin/barnraise", "--help")
        return run(
            tmp_path, str(folder / ".venv/bin/python"), "-c", "import node; print(node.__file__)"
        ).strip()

    assert "Set up." in run(clone, "make", "setup", f"PYTHON={sys.executable}")
    assert run(clone, "make", "setup") == "", "the second time there is nothing to do"
    packages = run(clone, ".venv/bin/python", "-m", "pip", "list", "--format=freeze")
    assert "barnraise==0.1.0" in packages and "aiohttp==" in packages and "pytest" not in packages
    run(clone, ".venv/bin/python", "-m", "pip", "check")
    assert what_runs(clone) == str(clone / "node" / "__init__.py")

    moved = clone.rename(tmp_path / "moved")
    assert "Set up." in run(moved, "make", "setup"), "scripts hold the path of their environment"
    assert what_runs(moved) == str(moved / "node" / "__init__.py")


def test_the_wheel_holds_the_three_packages_whole(tmp_path: Path) -> None:
    copy_of_the_tree(tmp_path / "tree")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=tmp_path / "tree", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {str(path.relative_to(ROOT)) for path in kept_files(ROOT)}
    assert held == {name for name in wanted if name.split("/")[0] in FLOORS}
    assert any(name.startswith("node/data/") for name in held)


# ---- make


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_make_has_what_the_readme_names() -> None:
    assert {"setup", "run", "demo", "test", "test-all", "check", "screenshots"} <= make_targets()
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        if page.exists():
            # In code only: "`make run`", or a line of a console block.
            named = set(re.findall(r"(?:`|^\$? ?)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))
            assert named <= make_targets(), page


def test_make_knows_every_target_it_declares() -> None:
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared and set(declared[1].split()) == make_targets()
