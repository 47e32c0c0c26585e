"""names of twilio"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "twilio_name",
        sa.Column("ours", sa.Text(), nullable=False),
        sa.Column("theirs", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ours", name=op.f("pk_twilio_name")),
    )
    with op.batch_alter_table("twilio_name", schema=None) as batch_op:
        batch_op.create_index("ix_twilio_name_theirs", ["theirs"], unique=False)
