"""Settings: every variable in one place, and every mistake named at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from callcenter.db.database import parse_url
from callcenter.settings import Settings, SettingsError, is_loopback, load, table


def problems(**environment: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load(environment)
    assert str(refused.value).splitlines() == refused.value.problems
    return refused.value.problems


def test_nothing_needs_to_be_set() -> None:
    settings = load({})
    assert settings.database_url == "sqlite:///var/callcenter.db"
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.secret is None
    assert settings.secret_file == Path("var/secret.key")
    assert settings.time_zone.key == "Asia/Jakarta"
    assert not settings.simulator
    assert settings.asterisk_ari_url is None
    assert settings.browser_ws_url is None
    assert settings.base_url == "http://127.0.0.1:8000"


def test_an_empty_variable_is_not_set() -> None:
    names = [field.metadata["name"] for field in dataclasses.fields(Settings)]
    assert load(dict.fromkeys(names, "")) == load(dict.fromkeys(names, "  ")) == load({})


def test_the_hotlines_number_is_one() -> None:
    for number in ("1500-630", "+62 21 5255 733", "112"):
        assert load({"HOTLINE_NUMBER": number}).hotline_number == number
    for wrong in ("-1500630", "1500--630", "<b>1500</b>", "15", "1500630 ext 2"):
        (problem,) = problems(HOTLINE_NUMBER=wrong)
        assert problem.startswith("HOTLINE_NUMBER: ")


def test_what_is_set_is_taken() -> None:
    settings = load(
        {
            "DATABASE_URL": "postgresql+psycopg://callcenter:hunter2@db/callcenter",
            "PORT": "80",
            "HOST": "::1",
            "SIMULATOR": "1",
            "CALLCENTER_SECRET": "ab" * 32,
            "TIME_ZONE": "Asia/Makassar",
            "ASTERISK_ARI_URL": "http://127.0.0.1:8088/",
            "ASTERISK_ARI_PASSWORD": "hunter2",
            "ASTERISK_TRUNK": "PJSIP/trunk",
            "PATH": "/usr/bin",
        }
    )
    assert settings.simulator
    assert settings.base_url == "http://[::1]:80"
    assert settings.asterisk_ari_url == "http://127.0.0.1:8088"
    assert settings.browser_ws_url == "ws://127.0.0.1:8088/ws"
    assert settings.time_zone.key == "Asia/Makassar"
    assert load({"ASTERISK_WS_URL": "wss://pbx.example/ws"}).browser_ws_url == (
        "wss://pbx.example/ws"
    )
    assert load({"PUBLIC_BASE_URL": "https://a.example/"}).base_url == "https://a.example"


def test_what_we_keep_moves_with_its_folder() -> None:
    settings = load({"CALLCENTER_VAR": "/srv/callcenter"})
    assert settings.database_url == "sqlite:////srv/callcenter/callcenter.db"
    assert parse_url(settings.database_url).database == "/srv/callcenter/callcenter.db"
    assert settings.secret_file == Path("/srv/callcenter/secret.key")
    assert load({"CALLCENTER_VAR": "x", "DATABASE_URL": "sqlite:///y.db"}).database_url == (
        "sqlite:///y.db"
    )


@pytest.mark.parametrize(
    "name, value, why",
    [
        ("PORT", "0", "from 1 to 65535"),
        ("PORT", "65536", "from 1 to 65535"),
        ("PORT", "８０", "from 1 to 65535"),
        ("PORT", "80.0", "from 1 to 65535"),
        ("DATABASE_URL", "mysql://root@host/x", "sqlite:///path or postgresql"),
        ("DATABASE_URL", "sqlite:///:memory:", "needs a file"),
        ("CALLCENTER_SECRET", "ab" * 31, "64 hexadecimal digits"),
        ("CALLCENTER_SECRET", "zz" * 32, "64 hexadecimal digits"),
        ("TIME_ZONE", "Jakarta", "name of a time zone"),
        ("TIME_ZONE", "../../etc/passwd", "name of a time zone"),
        ("LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("SIMULATOR", "maybe", "on or off"),
        ("PUBLIC_BASE_URL", "callcenter.example", "http://host"),
        ("PUBLIC_BASE_URL", "https://a.example/?x=1", "nothing after the path"),
        ("PUBLIC_BASE_URL", "https://a.example:port", "http://host"),
        ("ASTERISK_WS_URL", "http://pbx/ws", "ws://host"),
        ("ASTERISK_TRUNK", "trunk; core stop now", "PJSIP/name"),
        ("VOICE_ID", "-w /etc/passwd", "espeak-ng voice"),
        ("VOICE_RATE", "9000", "from 80 to 450"),
        ("SMTP_URL", "mail.example", "smtp://user:password@host"),
        ("SMTP_URL", "http://mail.example", "smtp://user:password@host"),
        ("SMTP_URL", "smtp://", "smtp://user:password@host"),
        ("SMTP_URL", "smtp://mail.example:port", "smtp://user:password@host"),
        ("SMTP_URL", "smtp://user@mail.example", "smtp://user:password@host"),
        ("SMTP_URL", "smtp://mail.example/x", "smtp://user:password@host"),
        ("MAIL_FROM", "hotline", "an address such as"),
        ("MAIL_FROM", "a@b.example,c@d.example", "an address such as"),
    ],
)
def test_a_bad_value_names_its_variable_and_says_what_is_wanted(
    name: str, value: str, why: str
) -> None:
    (problem,) = [one for one in problems(**{name: value}) if one.startswith(f"{name}: ")]
    assert why in problem


def test_all_problems_come_at_once() -> None:
    found = problems(PORT="x", LOG_LEVEL="x", SIMULATOR="on", HOST="0.0.0.0", VOICE_RATES="9")
    assert [one.split(":")[0] for one in found] == ["PORT", "LOG_LEVEL", "VOICE_RATES", "SIMULATOR"]
    assert "is it VOICE_RATE?" in found[2]


def test_settings_that_need_each_other() -> None:
    assert "loopback" in problems(SIMULATOR="on", HOST="192.0.2.1")[0]
    assert problems(ASTERISK_ARI_URL="http://pbx:8088")[0].startswith("ASTERISK_ARI_PASSWORD: ")
    assert [one.split(":")[0] for one in problems(ASTERISK_AMI_URL="tcp://pbx:5038")] == [
        "ASTERISK_AMI_PASSWORD",
        "ASTERISK_ARI_URL",
    ]
    assert "use tcp://" in problems(ASTERISK_AMI_URL="http://pbx:5038")[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("::")
    assert not is_loopback("callcenter.example")


def test_a_secret_is_neither_printed_nor_quoted() -> None:
    secret = {
        "CALLCENTER_SECRET": "ab" * 32,
        "ASTERISK_ARI_PASSWORD": "hunter2",
        "DATABASE_URL": "postgresql+psycopg://u:hunter2@db/x",
    }
    shown = repr(load(secret))
    assert "hunter2" not in shown
    assert "abab" not in shown
    found = problems(CALLCENTER_SECRET="hunter2", DATABASE_URL="mysql://u:hunter2@db/x")
    assert "hunter2" not in "".join(found)


def test_the_table_has_every_setting_once() -> None:
    rows = table().splitlines()
    names = [f"`{field.metadata['name']}`" for field in dataclasses.fields(Settings)]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows[2:]] == names
    assert len(set(names)) == len(names)
    assert all(field.metadata["meaning"] for field in dataclasses.fields(Settings))
    assert "| `DATABASE_URL` | `sqlite:///var/callcenter.db` |" in table()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load({}).port = 1  # type: ignore[misc]


def test_mail_needs_a_sender_and_an_address_of_the_pages() -> None:
    url = "smtp://user:pass%20word@mail.example"
    found = problems(SMTP_URL=url)
    assert [one.split(":")[0] for one in found] == ["MAIL_FROM", "PUBLIC_BASE_URL"]
    more = {"MAIL_FROM": "hotline@example.go.id", "PUBLIC_BASE_URL": "https://a.example"}
    settings = load({"SMTP_URL": url} | more)
    assert settings.smtp_url == url
    assert "pass" not in repr(settings)
    (refused,) = problems(SMTP_URL=url + "/path", **more)
    assert "pass%20word" not in refused
