"""Keys: nothing opens under another secret, owner or place, and nothing after forgetting."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete

from callcenter.db import Database
from callcenter.db.facts import Fact, Sealer, append
from callcenter.db.keys import FORGOTTEN, KeyForgotten, Keys, SecretError, Tampered, unlock
from callcenter.db.tables import key_check

KEYS = Keys.from_root(bytes(range(32)))
#: Made once, by the first version.
WRAPPED = (
    "019bab34a0cc6e026377d031060337fef3b6b81835a4aaf93814ee5c84b1e40e"
    "b7f587288caa2777e14a56fb28b27400bd039d74f816343825595978c5"
)
SEALED = "03c12ac85eb5e02c786053d5851ad9c2deb9570eb5809998cfa894756192858859262f"


@given(st.binary(max_size=300), st.text(), st.text())
def test_what_is_encrypted_opens_again(plain: bytes, owner: str, context: str) -> None:
    key, wrapped = KEYS.make(owner)
    again = KEYS.open(wrapped, owner)
    assert again.decrypt(key.encrypt(plain, context), context) == plain


@given(st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    key, wrapped = KEYS.make("call-1")
    sealed = key.encrypt(b"+628111", "call.number")

    def open_value(changed: bytes) -> None:
        key.decrypt(changed, "call.number")

    def open_key(changed: bytes) -> None:
        KEYS.open(changed, "call-1")

    for original, opening in [(sealed, open_value), (wrapped, open_key)]:
        place = data.draw(st.integers(0, len(original) - 1))
        flip = data.draw(st.integers(1, 255))
        changed = bytearray(original)
        changed[place] ^= flip
        with pytest.raises(Tampered):
            opening(bytes(changed))
        with pytest.raises(Tampered):
            opening(original[: place or 1])


def test_a_value_in_another_row_or_column_does_not_open() -> None:
    key, wrapped = KEYS.make("call-1")
    other, _ = KEYS.make("call-2")
    sealed = key.encrypt(b"+628111", "call.number")
    with pytest.raises(Tampered):
        key.decrypt(sealed, "case.narrative")
    with pytest.raises(Tampered):
        other.decrypt(sealed, "call.number")
    with pytest.raises(Tampered):
        KEYS.open(wrapped, "call-2")
    with pytest.raises(Tampered):
        Keys.from_root(bytes(32)).open(wrapped, "call-1")


def test_owner_and_context_do_not_run_together() -> None:
    first, wrapped = KEYS.make("ab")
    sealed = first.encrypt(b"x", "c")
    with pytest.raises(Tampered):
        KEYS.open(wrapped, "a").decrypt(sealed, "bc")


def test_the_same_text_is_never_the_same_ciphertext() -> None:
    key, wrapped = KEYS.make("call-1")
    assert key.encrypt(b"x", "c") != key.encrypt(b"x", "c")
    assert KEYS.make("call-1")[1] != wrapped
    assert len(key.encrypt(b"x" * 400, "c")) == 428
    assert len(wrapped) == 61


@pytest.mark.parametrize("nothing", [FORGOTTEN, None])
def test_a_forgotten_key_says_so(nothing: bytes | None) -> None:
    with pytest.raises(KeyForgotten, match="call-1"):
        KEYS.open(nothing, "call-1")


def test_hashes_are_keyed_and_bound() -> None:
    other = Keys.from_root(bytes(32))
    assert KEYS.number_hash("+628111") == KEYS.number_hash("+628111")
    assert KEYS.number_hash("+628111") != KEYS.number_hash("+628112")
    assert KEYS.number_hash("+628111") != other.number_hash("+628111")
    assert KEYS.pin_hash("case-1", "123456") != KEYS.pin_hash("case-2", "123456")
    assert KEYS.pin_hash("case-1", "1") != KEYS.pin_hash("case-", "11")
    assert len(KEYS.pin_hash("case-1", "123456")) == len(KEYS.number_hash("x")) == 64
    assert len({KEYS.audit, KEYS.check, other.audit, other.check}) == 4


def test_the_sub_keys_never_change_between_versions() -> None:
    """What lies in databases depends on them."""
    assert KEYS.number_hash("+628111").startswith("b8f07c70d1e401d9")
    assert KEYS.pin_hash("case-1", "123456").startswith("9921882cf2646eba")
    assert KEYS.audit.hex().startswith("52706a6731ff5636")
    assert KEYS.check.hex().startswith("899b476f989ab21c")
    key = KEYS.open(bytes.fromhex(WRAPPED), "call-1")
    assert key.decrypt(bytes.fromhex(SEALED), "call.number") == b"+628111"


# --- Where the secret comes from ---------------------------------------------------------------


def test_the_environment_wins_and_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    keys = Keys.load(bytes(range(32)).hex() + "\n", path)
    assert keys.audit == KEYS.audit
    assert not path.exists()


def test_a_missing_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret.key"
    first = Keys.load(None, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["secret.key"]
    assert Keys.load("", path).audit == first.audit
    assert Keys.load(None, tmp_path / "other.key").audit != first.audit


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "not 0"),
        ("ab" * 31, "64 hexadecimal digits, not 62"),
        ("ab" * 33, "64 hexadecimal digits, not 66"),
        ("zz" * 32, "64 hexadecimal digits"),
    ],
)
def test_a_malformed_secret_is_refused(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_text(text)
    with pytest.raises(SecretError, match=why) as refused:
        Keys.load(None, path)
    assert str(path) in str(refused.value)
    assert path.read_text() == text
    if text:
        with pytest.raises(SecretError, match="CALLCENTER_SECRET") as refused:
            Keys.load(text, path)
        assert text not in str(refused.value)


def test_a_secret_file_that_is_no_text_or_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(b"\xff" * 32)
    with pytest.raises(SecretError, match="cannot read"):
        Keys.load(None, path)
    with pytest.raises(SecretError, match="cannot read"):
        Keys.load(None, tmp_path)
    with pytest.raises(SecretError, match="cannot"):
        Keys.load(None, path / "below a file")


def test_the_root_must_be_32_bytes() -> None:
    for length in (0, 16, 31, 33, 64):
        with pytest.raises(SecretError):
            Keys.from_root(bytes(length))


# --- The right secret for this database --------------------------------------------------------


def test_a_database_knows_its_secret(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    keys = unlock(database, None, path)
    assert unlock(database, None, path).audit == keys.audit
    assert unlock(database, path.read_text(), tmp_path / "not needed").audit == keys.audit
    with pytest.raises(SecretError, match="CALLCENTER_SECRET is not the one"):
        unlock(database, "ab" * 32, path)
    path.write_text("cd" * 32)
    with pytest.raises(SecretError, match=r"secret\.key is not the one"):
        unlock(database, None, path)


def test_a_lost_secret_file_is_not_made_anew(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    unlock(database, None, path)
    path.unlink()
    with pytest.raises(SecretError, match=r"its secret is gone: put .*secret\.key back"):
        unlock(database, None, path)
    assert not path.exists()


def test_two_processes_that_start_together_agree(
    database_url: str, open_database: Callable[[str], Database], tmp_path: Path
) -> None:
    path = tmp_path / "secret.key"
    first, second = open_database(database_url), open_database(database_url)
    assert unlock(first, None, path).audit == unlock(second, None, path).audit
    third = open_database(database_url)
    with pytest.raises(SecretError):
        unlock(third, "ab" * 32, path)


async def test_removing_the_check_does_not_let_another_secret_in(
    database: Database, tmp_path: Path
) -> None:
    keys = unlock(database, "ab" * 32, tmp_path / "k")
    await database.write(lambda c: append(c, keys, [Fact("signed_in", 1, agent="a")]))
    await Sealer(database, keys).seal()
    await database.write(lambda c: c.execute(delete(key_check)))
    with pytest.raises(SecretError, match="key check was removed"):
        unlock(database, "cd" * 32, tmp_path / "k")
