"""Letters that go out because something happened, and addresses that take none.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of the revision before, whatever is in it."""
    op.create_table(
        "letter",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(200), nullable=False, unique=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("customer", sa.String(120), nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("until_at", sa.BigInteger, nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("doubts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("message_id", sa.String(200)),
        sa.Column("dated_at", sa.BigInteger),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("code", sa.String(16), nullable=False, server_default=""),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_letter_customer", "letter", ["customer"])
    op.create_index("ix_letter_message_id", "letter", ["message_id"])
    waiting = sa.text("state = 'waiting'")
    op.create_index("letter_waiting", "letter", ["due_at"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_table(
        "mail_refusal",
        sa.Column("address_hash", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("code", sa.String(16), nullable=False),
    )
