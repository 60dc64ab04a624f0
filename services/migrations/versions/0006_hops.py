"""Chats that move to another channel: the single-use tokens that move them.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of the revision before, whatever is in it."""
    op.create_table(
        "hop",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("keys", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.Column("used_in", sa.String(200)),
        sa.Column("used_by", sa.String(200)),
    )
    op.create_index("ix_hop_chat", "hop", ["chat"])
