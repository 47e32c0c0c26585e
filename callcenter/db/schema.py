"""The one MetaData that every ``tables.py`` registers on, and the column types we share.

Times are UTC epoch milliseconds (:data:`Millis`), ids are text, ciphertext is bytes. Names of
constraints and indexes come from one convention, so that a migration can name what it changes on
both databases.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: UTC epoch milliseconds, or any other 64-bit whole number.
Millis = BigInteger
#: An id or a code.
Id = Text
#: What :meth:`callcenter.db.keys.DataKey.encrypt` or :meth:`~callcenter.db.keys.Keys.make` gave.
Sealed = LargeBinary
#: A primary key that the database counts (64 bits on both; SQLite counts only ``INTEGER``).
Counter = BigInteger().with_variant(Integer(), "sqlite")


def column_names(table: Table) -> tuple[str, ...]:
    """The names of the table's columns in their order, as plain strings (msgspec takes no others).

    ``zip`` them with a row of ``select(table)``.
    """
    return tuple("".join(column.name) for column in table.c)
