"""The help center: whether articles helped, and questions that none of them answers.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of revision 0003, whatever is in it."""
    op.create_table(
        "help_rating",
        sa.Column("key", sa.String(120), primary_key=True),
        sa.Column("topic", sa.String(40), nullable=False),
        sa.Column("helped", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_help_rating_topic", "help_rating", ["topic"])
    op.create_table(
        "help_gap",
        sa.Column("key", sa.String(120), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_help_gap_at", "help_gap", ["at"])
