"""waiting for approval: what a second person has to decide is found without reading every case"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023_waiting_for_approval"
down_revision = "0022_handoff_deadline"
branch_labels = None
depends_on = None

_ASKED = sa.text("type = 'extension_requested'")
_PROPOSED = sa.text("status = 'proposed'")


def upgrade() -> None:
    op.create_index("ix_case_events_asked_extension", "case_events", ["case_id"], sqlite_where=_ASKED, postgresql_where=_ASKED)
    op.create_index("ix_remedies_proposed", "remedies", ["id"], sqlite_where=_PROPOSED, postgresql_where=_PROPOSED)


def downgrade() -> None:
    op.drop_index("ix_remedies_proposed", "remedies")
    op.drop_index("ix_case_events_asked_extension", "case_events")
