"""Keys: one root secret, and everything that is encrypted, hashed or signed with it.

The root (32 bytes) comes from the environment or from a file *outside* the database. It is never
used itself: each purpose has a sub-key by HKDF-SHA256. Personal data of an owner (a call, a
person, a case) is encrypted under that owner's own random :class:`DataKey`, which lies wrapped in
the owner's row; **forgetting** is overwriting that wrapped key with :data:`FORGOTTEN`.

Ciphertext is ``nonce (12 bytes) + AES-256-GCM``, bound to its owner and its context, so a value
moved to another row or column does not open.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, insert, select

from callcenter.db.database import Database
from callcenter.db.tables import fact_head, key_check

ROOT_BYTES = 32
#: A wrapped key that was destroyed.
FORGOTTEN = b""

_NONCE_BYTES = 12
_WRAP_VERSION = b"\x01"


class SecretError(Exception):
    """The root secret is missing, malformed or not this database's; the message says what to do."""


class KeyForgotten(Exception):
    """The owner's key was destroyed: what was encrypted under it cannot be read by anyone."""


class Tampered(Exception):
    """Ciphertext that was altered, moved to another place, or made with another key."""


class DataKey:
    """The key of one owner. ``context`` names the place of a value, e.g. ``call.number``."""

    def __init__(self, key: bytes, owner: str) -> None:
        self._cipher = AESGCM(key)
        self._owner = owner

    def encrypt(self, plain: bytes, context: str) -> bytes:
        """28 bytes longer than ``plain``, and different each time."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, _bind(self._owner, context))

    def decrypt(self, sealed: bytes, context: str) -> bytes:
        """What :meth:`encrypt` was given.

        Raises:
            Tampered: not made by this key for this owner and ``context``.
        """
        try:
            return self._cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bind(self._owner, context)
            )
        except (InvalidTag, ValueError) as error:
            raise Tampered(f"{context} of {self._owner}") from error


class Keys:
    """The sub-keys of one root secret."""

    def __init__(
        self,
        *,
        wrap: bytes,
        number: bytes,
        pin: bytes,
        word: bytes,
        audit: bytes,
        journal: bytes,
        check: bytes,
    ) -> None:
        self._wrap = AESGCM(wrap)
        self._number = number
        self._pin = pin
        self._word = word
        #: Key of the Facts' mac and chain.
        self.audit = audit
        #: Key of the files beside the database: heads of the chain, and erasures.
        self.journal = journal
        #: What :func:`unlock` compares; tells nothing about the root.
        self.check = check

    @classmethod
    def from_root(cls, root: bytes) -> Keys:
        """
        Raises:
            SecretError: ``root`` is not 32 bytes.
        """
        if len(root) != ROOT_BYTES:
            raise SecretError(f"the secret must be {ROOT_BYTES} bytes, not {len(root)}")

        def sub(purpose: str) -> bytes:
            info = f"callcenter/1/{purpose}".encode()
            return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(root)

        return cls(
            wrap=sub("wrap"),
            number=sub("number"),
            pin=sub("pin"),
            word=sub("word"),
            audit=sub("audit"),
            journal=sub("journal"),
            check=sub("check"),
        )

    @classmethod
    def load(cls, secret_hex: str | None, path: Path, *, make: bool = True) -> Keys:
        """From ``secret_hex`` (CALLCENTER_SECRET) if given, else from the file ``path``.

        A missing file is made with mode 0600, unless ``make`` is false.

        Raises:
            SecretError: wrong length, not hexadecimal, unreadable, or missing.
        """
        if secret_hex:
            return cls.from_root(_root(secret_hex, "CALLCENTER_SECRET"))
        try:
            text = path.read_text("ascii")
        except FileNotFoundError as error:
            if not make:
                raise SecretError(
                    f"the database holds data, but its secret is gone: put {path} back, or set"
                    " CALLCENTER_SECRET (or CALLCENTER_SECRET_FILE) to the secret it was made with"
                ) from error
            text = _make_file(path)
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(f"cannot read the secret file {path}: {error}") from error
        return cls.from_root(_root(text, str(path)))

    def make(self, owner: str) -> tuple[DataKey, bytes]:
        """A new random key for ``owner``, and its wrapped form for the owner's row (61 bytes)."""
        key = AESGCM.generate_key(256)
        nonce = os.urandom(_NONCE_BYTES)
        wrapped = _WRAP_VERSION + nonce + self._wrap.encrypt(nonce, key, _bind("key", owner))
        return DataKey(key, owner), wrapped

    def open(self, wrapped: bytes | None, owner: str) -> DataKey:
        """The key that :meth:`make` made for ``owner``.

        Raises:
            KeyForgotten: ``wrapped`` is :data:`FORGOTTEN` or None.
            Tampered: ``wrapped`` was altered, or belongs to another owner.
        """
        if not wrapped:
            raise KeyForgotten(owner)
        nonce, sealed = wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
        try:
            if wrapped[:1] != _WRAP_VERSION:
                raise ValueError("unknown version of a wrapped key")
            return DataKey(self._wrap.decrypt(nonce, sealed, _bind("key", owner)), owner)
        except (InvalidTag, ValueError) as error:
            raise Tampered(f"the key of {owner}") from error

    def number_hash(self, number: str) -> str:
        """Keyed hash to find a phone number by (E.164, or raw where it has none), hex."""
        return hmac.digest(self._number, number.encode(), "sha256").hex()

    def reconnect_hash(self, number: str, day: str) -> str:
        """Keyed hash of an anonymous caller's number, hex: another one each ``day``, so that two
        days' calls can't be joined."""
        daily = hmac.digest(self._number, _bind("day", day), "sha256")
        return hmac.digest(daily, number.encode(), "sha256").hex()

    def word_hash(self, kind: str, text: str) -> bytes:
        """Keyed hash to find a word, a person's or an employer's name by; ``kind`` keeps them
        apart. 16 bytes; of words the first 8 do."""
        return hmac.digest(self._word, _bind(kind, text), "sha256")[:16]

    def pin_hash(self, case: str, pin: str) -> str:
        """Keyed hash of a case's PIN, hex. Compare with :func:`hmac.compare_digest`."""
        return hmac.digest(self._pin, _bind(case, pin), "sha256").hex()


def unlock(database: Database, secret_hex: str | None, path: Path) -> Keys:
    """The keys of ``database``: :meth:`Keys.load`, and the proof that they are the right ones.

    The first secret is remembered (a keyed value of it, not itself). From then on a lost key file
    is an error, not a new file under which nothing opens any more. Blocks; the schema must exist.

    Raises:
        SecretError: no usable secret, or another one than the database was written with.
        DatabaseAway: see there.
    """
    known = database.read_sync(_known_check)
    keys = Keys.load(secret_hex, path, make=known is None)
    if known is None:
        known = database.write_sync(lambda connection: _remember(connection, keys))
    if not hmac.compare_digest(known, keys.check):
        source = "CALLCENTER_SECRET" if secret_hex else str(path)
        raise SecretError(
            f"the secret in {source} is not the one that this database was written with"
        )
    return keys


def _known_check(connection: Connection) -> bytes | None:
    return connection.execute(select(key_check.c.value)).scalar_one_or_none()


def _remember(connection: Connection, keys: Keys) -> bytes:
    """The stored check value: ours if there was none (another process may have been first)."""
    known = _known_check(connection)
    if known is not None:
        return known
    if connection.execute(select(fact_head.c.seq).where(fact_head.c.seq > 0)).first():
        raise SecretError("the database holds data, but its key check was removed")
    connection.execute(insert(key_check).values(id=1, value=keys.check))
    return keys.check


def _bind(first: str, second: str) -> bytes:
    """Both texts, so that no other pair gives the same bytes."""
    head = first.encode()
    return len(head).to_bytes(4, "big") + head + second.encode()


def _root(text: str, source: str) -> bytes:
    text = text.strip()
    digits = 2 * ROOT_BYTES
    if len(text) != digits:
        raise SecretError(f"{source} must hold {digits} hexadecimal digits, not {len(text)}")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise SecretError(f"{source} must hold {digits} hexadecimal digits") from None


def _make_file(path: Path) -> str:
    """Make the secret file, whole or not at all; another process may be first, then its text."""
    text = secrets.token_hex(ROOT_BYTES) + "\n"
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(handle, text.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        try:
            os.link(draft, path)
        except FileExistsError:
            text = path.read_text("ascii")
        finally:
            draft.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SecretError(f"cannot make the secret file {path}: {error}") from error
    return text
