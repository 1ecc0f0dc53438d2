"""Make the environment `.venv` for this checkout: `python3 bootstrap.py run` or `python3 bootstrap.py dev`.

`run` installs what a node needs (requirements.lock), `dev` also what tests and checks need
(requirements-dev.lock): wheels only, each with its hash. Called by `make`; quick when nothing is to be done.

Any Python from 3.8 on can run this file: it looks for one that is new enough and hands over to it, and
where there is none it says so in one sentence. It needs nothing but the standard library.

Exit 0 done, 1 failed, 2 usage.
"""

import base64
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile

ROOT = os.path.dirname(os.path.abspath(__file__))
APT_LINE = "sudo apt install -y git make python3-venv"
OLDEST = (3, 11)
OTHER_NAMES = ("python3", "python3.13", "python3.12", "python3.11", "python3.14")
STAMP = os.path.join(".venv", "barnraise.stamp")
LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock"}
# Settings of a person's own shell that would send packages somewhere else.
MISLEADING = ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_NO_BINARY")
PROBE = (
    "import importlib.util as u, json, sys;"
    "print(json.dumps([list(sys.version_info[:2]), sys.maxsize > 2**32,"
    " all(u.find_spec(n) for n in ('venv', 'ensurepip')), sys.executable]))"
)


class Refusal(Exception):
    """Why it cannot be done, in one sentence for a person."""


def probe(python):
    """Ask an interpreter what it is: (version, is 64-bit, can make environments, its path), or None."""
    try:
        done = subprocess.run(
            [python, "-c", PROBE],
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
        version, wide, venv, path = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return tuple(version), wide, venv, path


def choose(found):
    """The path of the first interpreter that will do, of `found` as `probe` gives them, in that order."""
    seen = []
    for version, wide, venv, path in found:
        if version >= OLDEST and wide and venv:
            return path
        seen.append((version, wide))
    if not seen:
        raise Refusal(f"No working Python was found; on Debian or Raspberry Pi OS run: {APT_LINE}")
    new_enough = [wide for version, wide in seen if version >= OLDEST]
    if not new_enough:
        raise Refusal(
            f"Barnraise needs Python 3.11 or newer, and this is Python {seen[0][0][0]}.{seen[0][0][1]};"
            f" Debian 12, Ubuntu 24.04 and Raspberry Pi OS since 2023 have it after: {APT_LINE}"
        )
    if not any(new_enough):
        raise Refusal(
            "Barnraise needs a 64-bit Python, and this one is 32-bit;"
            " a Raspberry Pi 3, 4, 5 or Zero 2 W can run the 64-bit Raspberry Pi OS."
        )
    raise Refusal(f"Python is here without its venv and ensurepip modules; run: {APT_LINE}")


def clean_environment():
    return {name: value for name, value in os.environ.items() if name not in MISLEADING}


def path_of(*parts):
    return os.path.join(ROOT, *parts)


def file_bytes(*parts):
    with open(path_of(*parts), "rb") as file:
        return file.read()


def digest(level, version):
    """What a finished set-up stands for: the lock, the project, the Python and the place of the checkout."""
    parts = [ROOT.encode(), repr(version).encode()]
    parts += [file_bytes(name) for name in (LOCKS[level], "pyproject.toml", "bootstrap.py")]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def venv_python():
    return path_of(".venv", "bin", "python")


def read_stamp():
    """The stamp as {level: digest}; empty where no set-up was ever finished."""
    try:
        with open(path_of(STAMP), encoding="utf-8") as file:
            return dict(line.split() for line in file if len(line.split()) == 2)
    except (OSError, UnicodeDecodeError):
        return {}


def write_stamp(levels, version):
    # First everything that was installed reaches the disk: a power cut must not leave a stamp on half of it.
    os.sync()
    part = path_of(STAMP) + ".part"
    with open(part, "w", encoding="utf-8") as file:
        file.writelines(f"{level} {digest(level, version)}\n" for level in levels)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path_of(STAMP))


def is_done(level):
    """Whether `level` was set up to its end, from the files as they are now."""
    written = read_stamp().get(level)
    facts = probe(venv_python()) if written else None
    return bool(facts) and digest(level, facts[0]) == written


def run_pip(*arguments):
    command = [venv_python(), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    done = subprocess.run(command, env=clean_environment(), stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Refusal(
            "The packages could not be installed, and the lines above say why;"
            " if it was the internet, run the same command again once it is back."
        )


def make_venv(python):
    """Make the environment, or keep the one that is there if it is sound and was made at this place."""
    folder = path_of(".venv")
    if is_sound(folder):
        return
    done = subprocess.run([python, "-m", "venv", "--clear", folder], env=clean_environment())
    if done.returncode:
        raise Refusal(f"The environment .venv could not be made; if python3-venv is missing, run: {APT_LINE}")


def is_sound(folder):
    facts = probe(venv_python())
    if not facts or facts[0] < OLDEST or not facts[1]:
        return False
    try:
        # Scripts hold the full path of their environment: one that was moved must be made anew.
        if os.fsencode(folder) not in file_bytes(".venv", "pyvenv.cfg"):
            return False
    except OSError:
        return False
    asked, quiet = [venv_python(), "-m", "pip", "--version"], subprocess.DEVNULL
    return subprocess.run(asked, env=clean_environment(), stdout=quiet, stderr=quiet).returncode == 0


def write_project_wheel(folder):
    """Write a wheel that points to this checkout, and return its path.

    It is what an editable install makes (PEP 660), written here because asking a build backend for it
    would mean downloading the backend. pip installs it, so the console script and removal are pip's work.
    """
    import tomllib  # not at the top: the Python that starts this file may be too old for it

    project = tomllib.loads(file_bytes("pyproject.toml").decode())["project"]
    name, version = project["name"], project["version"]
    info = f"{name}-{version}.dist-info/"
    needs = "".join(f"Requires-Dist: {need}\n" for need in project["dependencies"])
    scripts = "".join(f"{script} = {target}\n" for script, target in project["scripts"].items())
    tag = "Tag: py3-none-any\n"
    files = {
        name + ".pth": ROOT + "\n",
        info + "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        info + "WHEEL": "Wheel-Version: 1.0\nGenerator: bootstrap.py\nRoot-Is-Purelib: true\n" + tag,
        info + "entry_points.txt": "[console_scripts]\n" + scripts,
    }
    record = ""
    for path, text in files.items():
        content = text.encode()
        check = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={check},{len(content)}\n"
    files[info + "RECORD"] = f"{record}{info}RECORD,,\n"
    wheel = os.path.join(folder, f"{name}-{version}-py3-none-any.whl")
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def set_up(level, python):
    lock = LOCKS[level]
    print(f"Setting up .venv from {lock}; the first time this takes a few minutes ...", flush=True)
    try:
        os.remove(path_of(STAMP))
    except FileNotFoundError:
        pass
    make_venv(python)
    run_pip("install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", path_of(lock))
    with tempfile.TemporaryDirectory() as folder:
        wheel = write_project_wheel(folder)
        run_pip("install", "--quiet", "--no-index", "--no-deps", "--force-reinstall", wheel)
    # The development lock holds all that the run-time lock holds, at the same versions (tests see to it).
    write_stamp(["run", "dev"] if level == "dev" else ["run"], probe(venv_python())[0])
    print(
        "Set up. The command is .venv/bin/barnraise (or barnraise, after: . .venv/bin/activate).", flush=True
    )


def main(arguments):
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        print("usage: python3 bootstrap.py run|dev", file=sys.stderr)
        return 2
    level = arguments[0]
    try:
        if is_done(level):
            return 0
        python = choose(filter(None, map(probe, (sys.executable, *OTHER_NAMES))))
        if sys.version_info < OLDEST:
            os.execv(python, [python, path_of("bootstrap.py"), level])
        # One at a time: two calls of `make` may meet here. This lock ends with the process.
        with open(path_of("bootstrap.py"), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not is_done(level):
                set_up(level, python)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
