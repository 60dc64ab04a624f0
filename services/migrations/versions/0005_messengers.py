"""Front ends that are called: how far their messages have gone out, and what Telegram sent.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of revision 0004, whatever is in it."""
    op.create_table(
        "delivery",
        sa.Column("chat", sa.String(200), primary_key=True),
        sa.Column("sent", sa.BigInteger, nullable=False),
        sa.Column("leased_until", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("gone_at", sa.BigInteger),
    )
    op.create_table(
        "telegram_update",
        sa.Column("update_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("message", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.BigInteger),
    )
    op.create_index("ix_telegram_update_chat", "telegram_update", ["chat"])
    pending = sa.text("done_at IS NULL")
    op.create_index(
        "telegram_update_pending", "telegram_update", ["chat"], sqlite_where=pending, postgresql_where=pending
    )
