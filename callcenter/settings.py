"""Settings: the environment, read once into one frozen object.

Every setting is a field of :class:`Settings` below, with its name, default and meaning, and
nowhere else; ``callcenter serve --help`` and the documentation print :func:`table`. An empty
variable counts as one that is not set. A default may name ``{var}``, the folder of what we keep.
"""

# _setting() gives a dataclass field, not a value that instances would share.
# ruff: noqa: RUF009

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

T = TypeVar("T")

#: A variable this much like a setting's name, and not one, is a typing error (0 … 1).
LIKENESS = 0.9
LINES = ("asterisk", "simulator", "twilio")
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(Exception):
    """The environment cannot be used; ``problems`` has one line for each bad variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


# --- How a value is read: each gives the value or raises ValueError saying what is wanted --------


def _text(value: str) -> str:
    return value


def _optional(value: str) -> str | None:
    return value or None


def _path(value: str) -> Path:
    return Path(value).expanduser()


def _optional_path(value: str) -> Path | None:
    return _path(value) if value else None


def _switch(value: str) -> bool:
    switches = {"1": True, "on": True, "true": True, "yes": True}
    switches |= {"0": False, "off": False, "false": False, "no": False}
    if value.lower() not in switches:
        raise ValueError("use on or off")
    return switches[value.lower()]


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII) or not least <= int(value) <= most:
            raise ValueError(f"use a whole number from {least} to {most}")
        return int(value)

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value.lower() not in words:
            raise ValueError(f"use one of {', '.join(words)}")
        return value.lower()

    return read


def _web(*schemes: str) -> Callable[[str], str | None]:
    wanted = " or ".join(f"{scheme}://host[:port]" for scheme in schemes)

    def read(value: str) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        try:
            good = parts.scheme in schemes and parts.hostname and (parts.port or 1) > 0
        except ValueError:  # a port that is no number
            good = False
        if not good or parts.query or parts.fragment or parts.username or re.search(r"\s", value):
            raise ValueError(f"use {wanted}, with nothing after the path")
        return value.rstrip("/")

    return read


def _address(value: str) -> str:
    found = _web("http", "https")(value)
    if found is None:
        raise ValueError("use http://host[:port] or https://host[:port]")
    return found


def _database(value: str) -> str:
    if not re.match(r"(sqlite|postgresql(\+psycopg)?)://", value):
        raise ValueError("use sqlite:///path or postgresql+psycopg://user:password@host/name")
    if value in ("sqlite://", "sqlite:///", "sqlite:///:memory:"):
        raise ValueError("SQLite needs a file: sqlite:///path")
    return value


def _secret(value: str) -> str | None:
    if value and not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise ValueError(f"use 64 hexadecimal digits (32 bytes), not {len(value)} characters")
    return value or None


def _zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("use the name of a time zone, e.g. Asia/Jakarta") from None


def _trunk(value: str) -> str | None:
    if value and not re.fullmatch(r"PJSIP/[\w.-]+", value):
        raise ValueError("use PJSIP/name-of-an-endpoint")
    return value or None


def _like(pattern: str, wanted: str) -> Callable[[str], str | None]:
    def read(value: str) -> str | None:
        if value and not re.fullmatch(pattern, value):
            raise ValueError(f"use {wanted}")
        return value or None

    return read


def _sender(value: str) -> str | None:
    number, name = r"\+[1-9]\d{5,14}", r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}"
    if value and not re.fullmatch(f"{number}|{name}|MG[0-9a-f]{{32}}", value):
        raise ValueError("use a number in E.164, a name of up to 11 letters, MG… or none")
    return value or None


def _prefixes(value: str) -> tuple[str, ...]:
    found = tuple(one.strip() for one in value.split(",") if one.strip())
    if not found or not all(re.fullmatch(r"\+[1-9]\d{0,14}", one) for one in found):
        raise ValueError("use beginnings of numbers such as +62, with commas between")
    return found


def _mail_server(value: str) -> str | None:
    if not value:
        return None
    wanted = "use smtp://user:password@host or smtps://…, with :port if it is another"
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("smtp", "smtps") and parts.hostname and (parts.port or 1) > 0
    except ValueError:  # a port that is no number
        raise ValueError(wanted) from None
    if not good or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(wanted)
    if re.search(r"\s", value) or bool(parts.username) != bool(parts.password):
        raise ValueError(wanted)
    return value


def _lines(value: str) -> frozenset[str]:
    names = frozenset(name.strip() for name in value.split(",")) - {"", "none"}
    if unknown := names - set(LINES):
        raise ValueError(f"use none, or names of {', '.join(LINES)}; not {min(unknown)}")
    return names


def _voice(value: str) -> str:
    if not re.fullmatch(r"[\w+./-]+", value) or value.startswith("-"):
        raise ValueError("use the name of an espeak-ng voice, e.g. id+f2")
    return value


# --- The settings ---------------------------------------------------------------------------------


def _setting(
    name: str, default: str, read: Callable[[str], T], meaning: str, *, secret: bool = False
) -> T:
    about = {"name": name, "default": default, "read": read, "meaning": meaning, "secret": secret}
    return cast(T, dataclasses.field(repr=not secret, metadata=about))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set from outside. Made by :func:`load`."""

    var: Path = _setting("CALLCENTER_VAR", "var", _path, "Folder of what the application keeps")
    database_url: str = _setting(
        "DATABASE_URL",
        "sqlite:///{var}/callcenter.db",
        _database,
        "The database: sqlite:///path or postgresql+psycopg://user:password@host/name",
        secret=True,  # may carry a password
    )
    secret: str | None = _setting(
        "CALLCENTER_SECRET",
        "",
        _secret,
        "Root secret, 64 hexadecimal digits; without it the secret file is used",
        secret=True,
    )
    secret_file: Path = _setting(
        "CALLCENTER_SECRET_FILE",
        "{var}/secret.key",
        _path,
        "File of the root secret, made on the first start; lost with it: everything encrypted",
    )
    ledger: Path = _setting(
        "CALLCENTER_LEDGER",
        "{var}/ledger",
        _path,
        "Folder of the erasure ledger and the chain's heads; no restore may turn it back",
    )
    host: str = _setting("HOST", "127.0.0.1", _text, "Address to listen on")
    port: int = _setting("PORT", "8000", _whole(1, 65535), "TCP port to listen on")
    public_base_url: str | None = _setting(
        "PUBLIC_BASE_URL",
        "",
        _web("http", "https"),
        "Address that browsers and phone networks use; default: http://HOST:PORT",
    )
    flows: Path | None = _setting(
        "CALLCENTER_FLOWS", "", _optional_path, "Folder of the IVR flows; default: the shipped ones"
    )
    time_zone: ZoneInfo = _setting(
        "TIME_ZONE", "Asia/Jakarta", _zone, "Time zone of calendars and reports"
    )
    log_level: str = _setting(
        "LOG_LEVEL", "info", _one_of(*LOG_LEVELS), f"One of {', '.join(LOG_LEVELS)}"
    )
    simulator: bool = _setting(
        "SIMULATOR", "off", _switch, "Simulated callers; only when listening on loopback"
    )
    always_open: frozenset[str] = _setting(
        "ALWAYS_OPEN",
        "simulator",
        _lines,
        "Lines whose callers find the hotline open at any hour, with commas between; or none",
    )
    asterisk_ari_url: str | None = _setting(
        "ASTERISK_ARI_URL",
        "",
        _web("http", "https"),
        "Asterisk's HTTP server, e.g. http://127.0.0.1:8088; without it no Asterisk line",
    )
    asterisk_ari_user: str = _setting("ASTERISK_ARI_USER", "callcenter", _text, "ARI user")
    asterisk_ari_password: str | None = _setting(
        "ASTERISK_ARI_PASSWORD", "", _optional, "ARI password", secret=True
    )
    asterisk_ari_app: str = _setting(
        "ASTERISK_ARI_APP", "callcenter", _text, "Stasis application; one process each"
    )
    asterisk_ami_url: str | None = _setting(
        "ASTERISK_AMI_URL",
        "",
        _web("tcp"),
        "Asterisk's manager, e.g. tcp://127.0.0.1:5038; without it nobody watches for attacks",
    )
    asterisk_ami_password: str | None = _setting(
        "ASTERISK_AMI_PASSWORD",
        "",
        _optional,
        "Password of the manager's user callcenter",
        secret=True,
    )
    asterisk_sounds: Path = _setting(
        "ASTERISK_SOUNDS",
        "{var}/sounds",
        _path,
        "Folder for generated prompts; Asterisk must read it at the same path",
    )
    asterisk_ws_url: str | None = _setting(
        "ASTERISK_WS_URL",
        "",
        _web("ws", "wss"),
        "Where agents' browsers reach Asterisk, e.g. wss://pbx.example/ws; default: from ARI_URL",
    )
    asterisk_trunk: str | None = _setting(
        "ASTERISK_TRUNK", "", _trunk, "Endpoint for agents' phone numbers, e.g. PJSIP/trunk"
    )
    twilio_account_sid: str | None = _setting(
        "TWILIO_ACCOUNT_SID",
        "",
        _like(r"AC[0-9a-f]{32}", "AC and 32 hexadecimal digits"),
        "The Twilio account; without it no Twilio line",
    )
    twilio_auth_token: str | None = _setting(
        "TWILIO_AUTH_TOKEN",
        "",
        _optional,
        "The account's auth token, which Twilio signs its webhooks with",
        secret=True,
    )
    twilio_api_key: str | None = _setting(
        "TWILIO_API_KEY",
        "",
        _like(r"SK[0-9a-f]{32}", "SK and 32 hexadecimal digits"),
        "An API key for what we ask of Twilio; without it the auth token is used",
    )
    twilio_api_secret: str | None = _setting(
        "TWILIO_API_SECRET", "", _optional, "The API key's secret", secret=True
    )
    twilio_webhook_key: str | None = _setting(
        "TWILIO_WEBHOOK_KEY",
        "",
        _like(r"[A-Za-z0-9_-]{1,100}:\S+", "ID:SECRET"),
        "A shared webhook key (HMAC-SHA256) as ID:SECRET, if the account signs with one",
        secret=True,
    )
    hotline_number: str | None = _setting(
        "HOTLINE_NUMBER",
        "",
        _like(r"\+?[0-9](?:[ -]?[0-9]){2,14}", "a telephone number such as 1500-630"),
        "Our number as people know it, such as 1500-630: the public page says which one to call",
    )
    twilio_number: str | None = _setting(
        "TWILIO_NUMBER",
        "",
        _like(r"\+[1-9]\d{5,14}", "a number in E.164 such as +622150630150"),
        "Our number at Twilio, in E.164",
    )
    twilio_calls_per_s: int = _setting(
        "TWILIO_CALLS_PER_S", "1", _whole(1, 100), "New calls a second that Twilio lets through"
    )
    twilio_prefixes: tuple[str, ...] = _setting(
        "TWILIO_PREFIXES", "+62", _prefixes, "How numbers that we call or write to may begin"
    )
    twilio_messages_from: str | None = _setting(
        "TWILIO_MESSAGES_FROM",
        "",
        _sender,
        "Whom SMS come from: a number, a name of up to 11 letters, a messaging service (MG and 32"
        " hexadecimal digits), or none; default: TWILIO_NUMBER",
    )
    twilio_whatsapp_from: str | None = _setting(
        "TWILIO_WHATSAPP_FROM",
        "",
        _like(r"\+[1-9]\d{5,14}|MG[0-9a-f]{32}", "a number in E.164 or MG and 32 hex digits"),
        "Our WhatsApp number, or a messaging service that has it; without it no WhatsApp",
    )
    messages_a_day: int = _setting(
        "MESSAGES_A_DAY",
        "500",
        _whole(0, 1_000_000),
        "Most messages sent to telephones in 24 hours",
    )
    callback_prefixes: tuple[str, ...] = _setting(
        "CALLBACK_PREFIXES",
        "+62",
        _prefixes,
        "How the numbers of callers begin whom we call back (at Twilio, see TWILIO_PREFIXES, too)",
    )
    callbacks_a_day: int = _setting(
        "CALLBACKS_A_DAY",
        "500",
        _whole(0, 1_000_000),
        "Most calls to callers in 24 hours; 0: nobody is called back",
    )
    smtp_url: str | None = _setting(
        "SMTP_URL",
        "",
        _mail_server,
        "The server that takes mail to units: smtp://user:password@host:587 (STARTTLS, demanded"
        " unless the host is loopback) or smtps://…:465; without it units have to be phoned",
        secret=True,  # may carry a password
    )
    mail_from: str | None = _setting(
        "MAIL_FROM",
        "",
        _like(
            r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
            "an address such as hotline@example.go.id",
        ),
        "Whom mail to units comes from",
    )
    twilio_keep_recordings: bool = _setting(
        "TWILIO_KEEP_RECORDINGS", "off", _switch, "Leave recordings at Twilio once we hold them"
    )
    twilio_keep_calls: bool = _setting(
        "TWILIO_KEEP_CALLS", "on", _switch, "Leave call records, with numbers, at Twilio"
    )
    twilio_voice_id: str = _setting(
        "TWILIO_VOICE_ID",
        "Google.id-ID-Standard-A",
        _text,
        "Twilio's voice for Indonesian prompts that are not recorded",
    )
    twilio_voice_en: str = _setting(
        "TWILIO_VOICE_EN", "Google.en-US-Standard-C", _text, "Twilio's voice for English prompts"
    )
    twilio_api_url: str = _setting(
        "TWILIO_API_URL",
        "https://api.twilio.com",
        _address,
        "Where Twilio's REST API is; another one for a region, or for tests",
    )
    voice_id: str = _setting("VOICE_ID", "id+f2", _voice, "espeak-ng voice for Indonesian prompts")
    voice_en: str = _setting("VOICE_EN", "en+f2", _voice, "espeak-ng voice for English prompts")
    voice_rate: int = _setting("VOICE_RATE", "140", _whole(80, 450), "Words a minute of prompts")

    @property
    def base_url(self) -> str:
        """The public address, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_base_url or f"http://{host}:{self.port}"

    @property
    def browser_ws_url(self) -> str | None:
        """Where agents' browsers reach Asterisk; None without Asterisk."""
        if self.asterisk_ws_url or not self.asterisk_ari_url:
            return self.asterisk_ws_url
        return "ws" + self.asterisk_ari_url.removeprefix("http") + "/ws"


def load(environment: Mapping[str, str]) -> Settings:
    """The settings that ``environment`` gives.

    Raises:
        SettingsError: with every problem at once; a secret's value is never in it.
    """
    problems: list[str] = []
    values: dict[str, object] = {}
    var = environment.get("CALLCENTER_VAR", "").strip() or "var"
    names = {field.metadata["name"] for field in dataclasses.fields(Settings)}
    for field in dataclasses.fields(Settings):
        about = field.metadata
        name = about["name"]
        text = environment.get(name, "").strip() or about["default"].replace("{var}", var)
        try:
            values[field.name] = about["read"](text)
        except ValueError as error:
            given = "the value given" if about["secret"] else repr(text)
            problems.append(f"{name}: {given} is not usable: {error}")
    problems += _misspelt(environment.keys() - names, names)
    if values.get("simulator") and not is_loopback(str(values.get("host"))):
        problems.append("SIMULATOR: only with HOST on loopback, because it needs no sign-in")
    if values.get("asterisk_ari_url") and not values.get("asterisk_ari_password"):
        problems.append("ASTERISK_ARI_PASSWORD: needed with ASTERISK_ARI_URL")
    if values.get("asterisk_ami_url"):
        problems += [
            f"{name}: needed with ASTERISK_AMI_URL"
            for name in ("ASTERISK_AMI_PASSWORD", "ASTERISK_ARI_URL")
            if name.lower() in values and not values[name.lower()]
        ]
    if values.get("twilio_account_sid"):
        needed = ("TWILIO_AUTH_TOKEN", "TWILIO_NUMBER", "PUBLIC_BASE_URL")
        problems += [
            f"{name}: needed with TWILIO_ACCOUNT_SID"
            for name in needed
            if name.lower() in values and not values[name.lower()]
        ]
    if values.get("smtp_url"):
        problems += [
            f"{name}: needed with SMTP_URL"
            for name in ("MAIL_FROM", "PUBLIC_BASE_URL")
            if name.lower() in values and not values[name.lower()]
        ]
    if values.get("twilio_api_key") and not values.get("twilio_api_secret"):
        problems.append("TWILIO_API_SECRET: needed with TWILIO_API_KEY")
    if problems:
        raise SettingsError(problems)
    return Settings(**values)  # type: ignore[arg-type]


def _misspelt(given: set[str], names: set[str]) -> list[str]:
    long = [name for name in names if "_" in name]  # HOST and PORT have too many relatives
    near = {name: difflib.get_close_matches(name, long, 1, LIKENESS) for name in sorted(given)}
    return [f"{name}: no such setting; is it {like[0]}?" for name, like in near.items() if like]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def table() -> str:
    """All settings as a Markdown table: name, default, meaning."""
    rows = [("Variable", "Default", "Meaning"), ("---", "---", "---")]
    for field in dataclasses.fields(Settings):
        about = field.metadata
        default = about["default"].replace("{var}", "var")
        rows.append((f"`{about['name']}`", f"`{default}`" if default else "", about["meaning"]))
    return "\n".join(f"| {name} | {default} | {meaning} |" for name, default, meaning in rows)
