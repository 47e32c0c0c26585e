#!/usr/bin/env python3
"""Performs the Dockerfile's steps on a Debian machine that has no Docker.

    scripts/dockerfile_in_chroot.py app         build the stage `app` and those it needs
    scripts/dockerfile_in_chroot.py app --run   … then start it and wait until it is healthy

Each stage is a folder below ${FRESH_MACHINE:-/var/tmp/callcenter-fresh}: FROM copies a Debian made
by debootstrap, RUN enters it by chroot in a mount and process namespace of its own. It knows the
instructions that our Dockerfile uses and refuses any other. What is committed is what is built.
Wants: root, Debian, debootstrap, git, the network. Only Python's own library is used.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("FRESH_MACHINE", "/var/tmp/callcenter-fresh"))  # noqa: S108
START_S = 90
#: Where the certificates that this machine was told to trust lie inside, and who is told.
CERTIFICATES = "/run/host-certificates.pem"
TOLD = ("PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
PASSED_ON = re.compile(r"(PIP_INDEX_URL|PIP_PROXY|(https?|no)_proxy|npm_config_\w+)$")


@dataclass
class Stage:
    """One FROM … and what its instructions have set so far."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        return self.folder / (Path(self.workdir) / path).relative_to("/")


def instructions(text: str) -> list[tuple[str, str]]:
    """``[("FROM", "debian:…"), …]``: comments gone, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(word.upper(), rest.strip()) for word, rest in found]


def wanted(steps: list[tuple[str, str]], target: str) -> set[str]:
    """The stages that ``target`` is made of."""
    needs: dict[str, set[str]] = {}
    name = ""
    for word, rest in steps:
        if word == "FROM":
            name = rest.split()[-1]
            needs[name] = {rest.split()[0]}
        elif word == "COPY" and (match := re.match(r"--from=(\S+)", rest)):
            needs[name].add(match[1])
    if target not in needs:
        raise SystemExit(f"the Dockerfile has no stage {target}: {', '.join(needs)}")
    todo, seen = [target], set()
    while todo:
        stage = todo.pop()
        seen.add(stage)
        todo += needs.get(stage, set()) - seen
    return seen & needs.keys()


def enter(stage: Stage, command: list[str], *, network: bool) -> list[str]:
    """The words that run ``command`` inside ``stage``, as its user, with nothing left behind."""
    settings = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    if network:
        settings |= {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
        settings |= dict.fromkeys((n for n in TOLD if n in os.environ), CERTIFICATES)
    settings |= {"HOME": "/", **stage.environment}
    # The shell stays as the namespace's first process, which dies with unshare and takes all the
    # rest along: a process that changes its user (as chroot and Asterisk do) forgets its parent.
    script = (
        'mount --make-rprivate /; mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; '
        'shift 3; env -i "$@"; exit $?'
    )
    change = f"cd {shlex.quote(stage.workdir)} && exec {shlex.join(command)}"
    return [
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-euc", script, "bash"),
        *(str(stage.folder), stage.user, stage.workdir),
        *(f"{name}={value}" for name, value in settings.items()),
        *("/usr/sbin/chroot", f"--userspec={stage.user}", str(stage.folder), "sh", "-c", change),
    ]


def debian(suite: str) -> Path:
    """A bare Debian, made once."""
    base = FOLDER / f"debian-{suite}"
    if not base.exists():
        listed = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian"],
            capture_output=True,
            text=True,
            check=True,
        )
        # The mirror that this machine already uses; without one debootstrap takes its own default.
        mirror = [line for line in listed.stdout.split() if "security" not in line][:1]
        unfinished = base.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", suite, str(unfinished), *mirror]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        # The archive's Release file may be out of date on a mirror that is seldom refreshed.
        apt = unfinished / "etc/apt/apt.conf.d/80mirror"
        apt.write_text('Acquire::Check-Valid-Until "false";\n')
        unfinished.rename(base)
    return base


def begin(image: str, name: str, made: dict[str, Stage]) -> Stage:
    """FROM."""
    stage = Stage(FOLDER / f"stage-{name}")
    match = re.fullmatch(r"debian:(\w+)-slim", image)
    origin = debian(match[1]) if match else made[image].folder
    shutil.rmtree(stage.folder, ignore_errors=True)
    subprocess.run(["cp", "-a", origin, stage.folder], check=True)
    for file in ("/etc/resolv.conf", "/etc/hosts"):
        shutil.copy(file, stage.folder / file[1:])
    certificates = next((os.environ[n] for n in TOLD if n in os.environ), None)
    if certificates:
        shutil.copy(certificates, stage.folder / CERTIFICATES[1:])
    return stage


def copy(stage: Stage, rest: str, context: Path, made: dict[str, Stage]) -> None:
    """COPY [--from=STAGE] SOURCE… TARGET."""
    *sources, target = rest.split()
    origin = context
    if sources[0].startswith("--from="):
        origin = made[sources.pop(0).removeprefix("--from=")].folder
    for source in sources:
        path = origin / source.lstrip("/")
        to = stage.inside(target)
        to.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            to.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", f"{path}/.", to], check=True)
        else:
            subprocess.run(["cp", "-a", path, to], check=True)


def perform(stage: Stage, word: str, rest: str, context: Path, made: dict[str, Stage]) -> None:
    """One instruction other than FROM."""
    match word:
        case "RUN":
            subprocess.run(enter(stage, ["sh", "-c", rest], network=True), check=True)
        case "COPY":
            copy(stage, rest, context, made)
        case "ENV":
            stage.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        case "WORKDIR":
            stage.workdir = rest
            stage.inside(".").mkdir(parents=True, exist_ok=True)
        case "USER":
            stage.user = f"{rest}:{rest}"
        case "CMD":
            stage.command = json.loads(rest)
        case "HEALTHCHECK":
            stage.healthcheck = json.loads(rest[rest.index("CMD") + 3 :])
        case "VOLUME":
            for path in rest.split():
                stage.inside(path).mkdir(parents=True, exist_ok=True)
        case "EXPOSE":
            pass
        case _:
            raise SystemExit(f"{word} is not known here: teach me, or do without it")


def build(target: str) -> Stage:
    """Every stage that ``target`` needs, then ``target``."""
    steps = instructions((ROOT / "Dockerfile").read_text())
    stages = wanted(steps, target)
    made: dict[str, Stage] = {}
    name = ""
    with tempfile.TemporaryDirectory() as context:
        archive = subprocess.run(
            ["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True
        )
        subprocess.run(["tar", "-x", "-C", context], input=archive.stdout, check=True)
        for word, rest in steps:
            if word == "FROM":
                name = rest.split()[-1]
            if name not in stages:
                continue
            print(f"[{name}] {word} {rest[:100]}", flush=True)
            if word == "FROM":
                made[name] = begin(rest.split()[0], name, made)
            else:
                perform(made[name], word, rest, Path(context), made)
    for name, stage in made.items():
        if name != target:
            shutil.rmtree(stage.folder)
    return made[target]


def run(stage: Stage, settings: list[str]) -> None:
    """Start the image's command and wait until its health check passes.

    Raises:
        SystemExit: it ended, or was not healthy within ``START_S``.
    """
    stage.environment |= dict(setting.split("=", 1) for setting in settings)
    began = time.monotonic()
    server = subprocess.Popen(enter(stage, stage.command, network=False))
    try:
        check = enter(stage, stage.healthcheck, network=False)
        while subprocess.run(check, check=False, stderr=subprocess.DEVNULL).returncode != 0:
            if server.poll() is not None:
                raise SystemExit(f"it ended with {server.returncode}")
            if time.monotonic() > began + START_S:
                raise SystemExit(f"not healthy after {START_S} s")
            time.sleep(0.5)
        print(f"healthy after {time.monotonic() - began:.1f} s", flush=True)
    finally:
        server.kill()  # unshare heeds nothing milder
        server.wait(timeout=30)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Perform the Dockerfile's steps without Docker.")
    parser.add_argument("target", help="a stage of the Dockerfile")
    parser.add_argument("--run", action="store_true", help="start it and wait for its health check")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit("wants root and debootstrap (scripts/debian-packages)")
    FOLDER.mkdir(parents=True, exist_ok=True)
    stage = build(arguments.target)
    if arguments.run:
        run(stage, arguments.env)
    shutil.rmtree(stage.folder)


if __name__ == "__main__":
    main()
