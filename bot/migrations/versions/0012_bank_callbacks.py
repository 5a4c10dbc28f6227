"""loans: once-only marks of the bank's signed callbacks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0012_bank_callbacks"
down_revision = "0011_app_errors"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "callback_nonces",
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_callback_nonces")),
    )
    op.create_index("ix_callback_nonces_received_at", "callback_nonces", ["received_at"])


def downgrade() -> None:
    op.drop_table("callback_nonces")
