"""agents: whether the password is one that an admin handed out, and has to be changed first"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026_initial_passwords"
down_revision = "0025_previous_agent"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("must_change_password", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("agents", "must_change_password")
