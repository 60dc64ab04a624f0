"""What the numbers of the desk rest on: how far the holder of a pay link came, that a page was gone to, and indexes by time.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of the revision before, whatever is in it."""
    for name in ("sent_at", "opened_at", "begun_at", "chosen_at"):
        op.add_column("pay_link", sa.Column(name, sa.BigInteger))
    op.create_index("ix_pay_link_sent_at", "pay_link", ["sent_at"])
    op.create_index("ix_go_link_payment", "go_link", ["payment"])
    op.add_column("payment", sa.Column("page_seen_at", sa.BigInteger))
    op.create_index("ix_payment_created_at", "payment", ["created_at"])
    op.create_index("payment_arrived", "payment", ["cleared_at", "happened_at"])
    op.create_index("ix_handoff_asked_at", "handoff", ["asked_at"])
    condition = sa.text("kind IN ('refunded', 'refund_failed', 'disputed', 'won', 'lost')")
    op.create_index("fact_that_money_went_back", "fact", ["at"], sqlite_where=condition, postgresql_where=condition)
