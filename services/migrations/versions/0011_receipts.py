"""Links of receipts, by the hashes of their tokens.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of the revision before, whatever is in it."""
    op.create_table(
        "receipt_link",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("payment", sa.String(32), sa.ForeignKey("payment.reference"), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_receipt_link_payment", "receipt_link", ["payment"])
