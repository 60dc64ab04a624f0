"""Reminders of invoices: that there was one.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of the revision before, whatever is in it."""
    op.create_table(
        "reminder",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("invoice", sa.String(120), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("due", sa.Date, nullable=False),
        sa.Column("customer", sa.String(120), nullable=False),
        sa.Column("letter", sa.String(200), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("invoice", "stage", "due", name="one_reminder_per_stage"),
    )
    op.create_index("ix_reminder_customer", "reminder", ["customer"])
