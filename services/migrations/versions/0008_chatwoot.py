"""Conversations in Chatwoot, and who leads them.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of the revision before, whatever is in it."""
    op.create_table(
        "chatwoot_conversation",
        sa.Column("chat", sa.String(200), primary_key=True),
        sa.Column("person", sa.Boolean, nullable=False),
        sa.Column("quiet", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
