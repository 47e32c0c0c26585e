"""The command line: ``callcenter serve`` and what goes with it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callcenter import settings as settings_module
from callcenter.ivr.errors import FlowErrors
from callcenter.people.permissions import Role
from callcenter.settings import Settings, SettingsError

if TYPE_CHECKING:
    from callcenter.store import Store

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A complaint hotline: IVR flows, queues, agents in the browser, a case store.",
)
flow = typer.Typer(no_args_is_help=True, help="IVR flows: look for mistakes, be the caller.")
user = typer.Typer(no_args_is_help=True, help="Accounts of the staff.")
db = typer.Typer(no_args_is_help=True, help="The database.")
audit = typer.Typer(no_args_is_help=True, help="What was done, and that nobody changed it since.")
app.add_typer(flow, name="flow")
app.add_typer(user, name="user")
app.add_typer(db, name="db")
case = typer.Typer(no_args_is_help=True, help="Cases: what is forgotten, and what is handed out.")
twilio = typer.Typer(no_args_is_help=True, help="The Twilio account.")
app.add_typer(audit, name="audit")
app.add_typer(case, name="case")
app.add_typer(twilio, name="twilio")


def main() -> None:
    """Run the command line; every failure that has a reason says it in one place, exit status 1."""
    # Imported here: `callcenter --help` need not load the whole application for its errors.
    from callcenter.cases.files import FileError
    from callcenter.db import DatabaseAway
    from callcenter.db.journal import JournalBroken
    from callcenter.db.keys import SecretError
    from callcenter.messages.texts import TextErrors
    from callcenter.people.accounts import BadAccount
    from callcenter.store import NotReplayed

    try:
        app()
    except SettingsError as error:
        _fail(*error.problems)
    except FlowErrors as error:
        _fail(*map(str, error.errors))
    except TextErrors as error:
        _fail(*error.errors)
    except BadAccount as error:
        _fail(*(f"{field}: {why}" for field, why in error.fields.items()))
    except DatabaseAway as error:
        _fail(f"the database is away: {error}")
    except FileError as error:
        _fail(*error.mistakes)
    except (SecretError, NotReplayed, JournalBroken, ValueError, OSError) as error:
        _fail(str(error))


def _fail(*lines: str) -> None:
    for line in lines:
        print(f"callcenter: {line}", file=sys.stderr)
    raise SystemExit(1)


def _settings() -> Settings:
    return settings_module.load(os.environ)


# --- serve ----------------------------------------------------------------------------------------


@app.command(epilog="Settings come from the environment; `callcenter settings` lists them.")
def serve() -> None:
    """Serve calls and pages until told to stop."""
    from callcenter import app as application
    from callcenter.store import first_accounts
    from callcenter.web import logs

    settings = _settings()
    logs.configure(settings.log_level)
    assembled = application.assemble(settings)
    made = first_accounts(assembled.store, settings)
    if made:
        _print_first_accounts(settings, made)
        print(f"To look at a busy day, stop this and run `{_program()} demo`.\n", flush=True)
    asyncio.run(application.serve(assembled, _started))


def _started(address: str) -> None:
    print(f"callcenter: serving at {address}", flush=True)


def _print_first_accounts(settings: Settings, made: list[tuple[str, str, str]]) -> None:
    """Once, on the first start: who there is, and where they begin."""
    print(
        "\nThe database was empty, so these accounts were made. Their passwords are shown once:\n"
    )
    width = max(len(username) for username, _, _ in made)
    for username, password, page in made:
        print(f"  {username:{width}}  {password}   {settings.base_url}{page}")
    if settings.simulator:
        print(f"\n  A simulated caller's telephone:  {settings.base_url}/phone")
    print(flush=True)


def _program() -> str:
    """How this was started, to be typed again: it may not be on the PATH."""
    return sys.argv[0] if Path(sys.argv[0]).name == "callcenter" else "callcenter"


@app.command()
def demo(
    calls: Annotated[int, typer.Option(min=1, max=5000, help="How many citizens call")] = 120,
    seed: Annotated[int, typer.Option(help="The same seed gives the same habits")] = 1,
) -> None:
    """Play a believable day into the database; stop `callcenter serve` before."""
    from callcenter import app as application
    from callcenter.store import first_accounts
    from callcenter.web import logs

    settings = _settings()
    logs.configure("error")
    with _store(settings) as store:
        made = first_accounts(store, settings)
    if made:
        _print_first_accounts(settings, made)
    began = time.monotonic()
    view, failed = asyncio.run(application.demo(settings, calls, seed))
    today = view.today
    print(f"A day of {calls} calls, played in {time.monotonic() - began:.1f} s:")
    rows = {
        "arrived": today.arrived,
        "answered by an agent": today.answered,
        "gave up waiting": today.abandoned,
        "left the queue for a message": today.left,
        "messages left": today.messages,
        "cases opened": today.cases,
        "mean wait, s": today.average_wait_s,
        "longest wait, s": today.longest_wait_s,
        "answered within 20 s": f"{today.service_level:.0%}" if today.service_level else None,
    }
    for name, value in rows.items():
        print(f"  {name:30}{'-' if value is None else value:>8}")
    if failed:
        _fail(f"{failed} things went wrong; the log above says which")
    print(f"`{_program()} serve` shows it: the cases, and the board if it was today.")


@app.command()
def settings() -> None:
    """List the settings: variable, default, meaning."""
    print(settings_module.table())


# --- flows ----------------------------------------------------------------------------------------


@flow.command("lint")
def flow_lint(
    path: Annotated[Path, typer.Argument(help="A flows' folder, or a file in it", exists=True)],
) -> None:
    """Name every mistake in the flows; exit status 1 when there is one."""
    from callcenter.ivr import lint

    errors = lint.lint(path)
    print(lint.render(errors))
    raise typer.Exit(1 if errors else 0)


@flow.command("play")
def flow_play(
    path: Annotated[Path, typer.Argument(help="A flow's file, or a flows' folder", exists=True)],
    always_open: Annotated[bool, typer.Option(help="Ignore the calendars")] = False,
) -> None:
    """Be the caller, in the terminal."""
    from callcenter.ivr import lint, play
    from callcenter.ivr.loader import load

    folder, name = lint.locate(path)
    flows = load(folder)

    def read(prompt: str) -> str | None:
        try:
            return input(prompt)
        except EOFError:
            return None

    play.play(
        flows,
        read=read,
        write=print,
        now=time.time_ns() // 1_000_000,
        flow=name or "main",
        always_open=always_open,
    )


# --- accounts -------------------------------------------------------------------------------------

Unit = Annotated[str | None, typer.Option(help="An officer's unit, by its code")]
Head = Annotated[bool, typer.Option("--head", help="The head of that unit")]
Named = Annotated[bool, typer.Option("--named", help="May see sensitive cases: named for them")]
PasswordStdin = Annotated[
    bool, typer.Option(help="Read the password from standard input instead of making one")
]


@user.command("add")
def user_add(
    username: str,
    role: Annotated[Role, typer.Option(help="What the account may do")],
    name: Annotated[str | None, typer.Option(help="The person's name, as pages show it")] = None,
    language: Annotated[str, typer.Option(help="Language of the pages: id, en")] = "id",
    topic: Annotated[
        list[str] | None, typer.Option(help="A topic that the agent knows; all when left out")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="What the agent answers with: browser, sip, phone or simulated"),
    ] = None,
    address: Annotated[str, typer.Option(help="sip:… or a telephone number in E.164")] = "",
    unit: Unit = None,
    head: Head = False,
    named: Named = False,
    password_stdin: PasswordStdin = False,
) -> None:
    """Make an account. Its password is made and shown once, unless it is given."""
    from callcenter.line import Device, DeviceKind
    from callcenter.people.accounts import NewAccount
    from callcenter.store import add_account

    settings = _settings()
    password = _password(password_stdin)
    kind = DeviceKind(device) if device else None
    new = NewAccount(
        username=username,
        name=name or username,
        role=role,
        password=password,
        language=language,
        device=Device(kind, address) if kind else None,
        unit=unit,
        head=head,
        named=named,
    )
    with _store(settings) as store:
        add_account(store, settings, new, topic)
    _say(f"{username} was added.", password, shown=not password_stdin)


@user.command("list")
def user_list() -> None:
    """List the accounts: username, role, open or closed, unit, name, languages, topics."""
    from callcenter import staff

    with _store(_settings()) as store:
        found = staff.listed(store)
    for one, topics, languages in found:
        state = "open" if one.active else "closed"
        unit = (one.unit or "") + (" head" if one.head else "")
        who = f"{one.username:20}  {one.role:10}  {state:6}  {unit:12}  {one.name:24}"
        spoken = ",".join(["id", *languages]) if one.role is Role.AGENT else ""
        words = f"{who}  {spoken:8}  {', '.join(topics)}"
        print(words.rstrip())


@user.command("password")
def user_password(username: str, password_stdin: PasswordStdin = False) -> None:
    """Give a new password; whoever is signed in with the old one is signed out."""
    from callcenter import staff

    password = _password(password_stdin)
    with _store(_settings()) as store:
        staff.set_password(store, username, password)
    _say(f"{username} has a new password.", password, shown=not password_stdin)


@user.command("topics")
def user_topics(
    username: str,
    topic: Annotated[list[str], typer.Option(help="A topic that the agent knows; any number")],
) -> None:
    """Set which topics an agent knows: these, and no others."""
    from callcenter import staff
    from callcenter.store import read_topics
    from callcenter.topics import uppers

    settings = _settings()
    known = uppers(read_topics(settings))
    with _store(settings) as store:
        staff.set_topics(store, username, topic, known)
    print(f"{username} knows {', '.join(sorted(set(topic)))}.")


@user.command("languages")
def user_languages(
    username: str,
    language: Annotated[
        list[str] | None,
        typer.Option(help="As en or jv; any number, or none: Indonesian alone"),
    ] = None,
) -> None:
    """Set what an agent speaks besides Indonesian: such callers come to them first."""
    from callcenter import staff

    with _store(_settings()) as store:
        staff.set_languages(store, username, language or ())
    print(f"{username} speaks {', '.join(['id', *sorted(set(language or ()))])}.")


@user.command("unit")
def user_unit(username: str, unit: Unit = None, head: Head = False, named: Named = False) -> None:
    """Set which unit an officer is of, from now on."""
    from callcenter import staff
    from callcenter.store import read_rules

    settings = _settings()
    known = read_rules(settings).units.inner
    with _store(settings) as store:
        staff.set_unit(store, username, unit, known, head=head, named=named)
    print(f"{username} is {'the head of' if head else 'of'} {unit or 'no unit'}.")


@user.command("close")
def user_close(username: str) -> None:
    """Let nobody sign in with an account any more; it is kept, because Facts name it."""
    from callcenter import staff

    with _store(_settings()) as store:
        staff.close(store, username)
    print(f"{username} is closed.")


@user.command("reopen")
def user_reopen(username: str) -> None:
    """Let a closed account be used again, with the password that it had."""
    from callcenter import staff

    with _store(_settings()) as store:
        staff.reopen(store, username)
    print(f"{username} is open.")


def _password(from_stdin: bool) -> str:
    """The password on standard input, or a new one."""
    from callcenter.people import passwords

    return sys.stdin.readline().rstrip("\n") if from_stdin else passwords.readable()


def _say(what: str, password: str, *, shown: bool) -> None:
    print(what + (f" Password: {password}" if shown else ""))


@contextlib.contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    from callcenter.store import open_store

    store = open_store(settings)
    try:
        yield store
    finally:
        store.close()


def _existing() -> Settings:
    """The settings, of a database that is there: an empty one that is made now would be found in
    order, and a month of it without complaints."""
    from callcenter.store import sqlite_file

    settings = _settings()
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        _fail(f"there is no database {file}")
    return settings


# --- the database ---------------------------------------------------------------------------------


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the database's schema up to date (``serve`` does it too)."""
    from callcenter.db import migrate

    migrate.upgrade(_settings().database_url)
    print(f"The schema is {migrate.head()}.")


@audit.command("head")
def audit_head() -> None:
    """Sign the end of the chain of Facts into a file outside the database (daily by ``serve``)."""
    from callcenter import upkeep

    with _store(_settings()) as store:
        head = upkeep.export_head(store)
    if head is None:
        _fail("nothing is sealed yet")
        return
    at = dt.datetime.fromtimestamp(head.at / 1000, dt.UTC).isoformat(timespec="seconds")
    print(f"{head.seq} {head.hash} {at}")


@audit.command("verify")
def audit_verify() -> None:
    """Check every Fact's mac, the chain and its exported heads; name the first bad row, exit
    status 1. Seals nothing."""
    from callcenter.db import facts

    settings = _existing()
    with _store(settings) as store:
        heads = facts.exported(store.heads)
        verdict = store.db.read_sync(lambda conn: facts.verify(conn, store.keys, heads))
    if verdict.bad is not None:
        _fail(verdict.bad)
    restored = sum(one.kind == "restored" for one in heads)
    print(f"{verdict.rows} Facts are as they were written ({verdict.unsealed} not yet sealed).")
    print(f"{len(heads)} exported heads are in the chain; backups put back: {restored}.")


# --- cases ----------------------------------------------------------------------------------------

CaseNumber = Annotated[str, typer.Argument(help="The case's number, ten digits")]


@case.command("replay-erasures")
def case_replay_erasures() -> None:
    """Forget again what a backup brought back; ``serve`` starts only after it."""
    from callcenter import upkeep

    settings = _settings()
    with _store(settings) as store:
        done = upkeep.replay(store)
        asyncio.run(upkeep.scrub(store, settings))
    print(f"{done} erasures were done again.")


@case.command("retention")
def case_retention(
    preview: Annotated[bool, typer.Option("--preview", help="Show what is due")] = False,
    run: Annotated[bool, typer.Option("--run", help="Forget what is due")] = False,
) -> None:
    """What is due to be forgotten by the rules, by ids; daily by ``serve``."""
    from callcenter import upkeep
    from callcenter.store import check_erasures

    if preview == run:
        _fail("choose one of --preview and --run")
    settings = _settings()
    with _store(settings) as store:
        check_erasures(store)
        found = asyncio.run(upkeep.find_due(store, settings))
        forgotten = asyncio.run(upkeep.forget_due(store, settings, found)) if run else 0
    for one in found if preview else ():
        held = ",".join(sorted(one.held))
        print(f"{one.part:10}  {one.rule:16}  {one.id:32}" + (f"  held: {held}" if held else ""))
    for (part, rule), count in sorted(Counter((one.part, one.rule) for one in found).items()):
        kept = sum(bool(one.held) for one in found if (one.part, one.rule) == (part, rule))
        print(f"{count} x {part} by {rule}" + (f", {kept} of them held" if kept else ""))
    print(f"{forgotten} things were forgotten." if run else f"{len(found)} are due.")


@case.command("forget")
def case_forget(
    number: CaseNumber,
    reason: Annotated[str, typer.Option(help="A word: who wants it, by what right")],
    person_only: Annotated[
        bool, typer.Option("--person-only", help="The case stays, anonymous")
    ] = False,
) -> None:
    """Destroy the keys of a case and all that belongs to it. There is no way back."""
    from callcenter import upkeep

    settings = _settings()
    with _store(settings) as store:
        forgotten = upkeep.forget(store, number, reason, person_only=person_only)
        asyncio.run(upkeep.scrub(store, settings))
    print("\n".join(f"{one.kind:10}  {one.ref}" for one in forgotten))
    print(f"{len(forgotten)} things were forgotten.")


@case.command("hold")
def case_hold(
    number: CaseNumber,
    end: Annotated[bool, typer.Option("--end", help="It is not needed any more")] = False,
) -> None:
    """Keep a case from being forgotten while law enforcement needs it."""
    from callcenter import upkeep

    with _store(_settings()) as store:
        upkeep.hold(store, number, on=not end)
    print(f"{number} {'may be forgotten again' if end else 'is not forgotten while this lasts'}.")


@case.command("export")
def case_export(
    number: CaseNumber,
    out: Annotated[Path, typer.Option(help="The file that is made; it must not exist")],
) -> None:
    """Write all that is held on the reporter of a case, for them, into a file."""
    import json

    from callcenter import upkeep

    settings = _settings()
    out.touch(mode=0o600, exist_ok=False)
    try:
        with _store(settings) as store:
            document = upkeep.export(store, settings, number)
        out.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    except BaseException:
        out.unlink()
        raise
    print(f"{len(document['cases'])} cases are in {out}. It names what was left out; hand it over")
    print("to nobody but the reporter, and delete it then.")


# --- what is published ----------------------------------------------------------------------------


@app.command("open-data")
def open_data(
    month: Annotated[str, typer.Argument(help="One that is over, as 2026-11")],
    file: Annotated[Path, typer.Argument(help="The CSV file that is made; it must not exist")],
) -> None:
    """Write how many complaints a month has brought, to be published: once for each month."""
    from callcenter import upkeep

    settings = _existing()
    if file.exists():
        _fail(f"{file} exists: what was released once is not made again")
    with _store(settings) as store:
        text = upkeep.release(store, settings, month)
    with file.open("x", encoding="utf-8", newline="") as out:
        out.write(text)
    print(f"The complaints of {month} are counted in {file}.")


# --- Twilio ---------------------------------------------------------------------------------------


def _twilio_settings() -> Settings:
    settings = _settings()
    if settings.twilio_account_sid is None:
        raise SettingsError(["TWILIO_ACCOUNT_SID: not set, so there is no Twilio line"])
    return settings


@twilio.command("check")
def twilio_check() -> None:
    """Look whether the account, the number and this machine are as they must be."""
    from callcenter.telephony.twilio import build, setup

    settings = _twilio_settings()
    found = asyncio.run(setup.check(build.options(settings), build.access(settings)))
    for one in found:
        print(("good  " if one.good else "BAD   ") + one.text)
    raise typer.Exit(0 if all(one.good for one in found) else 1)


@twilio.command("connect")
def twilio_connect(
    fallback_url: Annotated[
        str | None,
        typer.Option(help="What calls ask when this application fails, e.g. a TwiML Bin"),
    ] = None,
) -> None:
    """Set the number's addresses to this application's."""
    from callcenter.telephony.twilio import build, setup
    from callcenter.telephony.twilio.rest import TwilioRefused

    settings = _twilio_settings()
    options = build.options(settings)
    try:
        asyncio.run(setup.connect(options, build.access(settings), fallback_url, print))
    except (TwilioRefused, setup.NoSuchNumber) as refused:
        _fail(str(refused))


if __name__ == "__main__":
    main()
