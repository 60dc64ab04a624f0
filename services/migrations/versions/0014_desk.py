"""Outside systems that propose payments: their keys, and by which a proposal was made; since when a messenger is silent.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of the revision before, whatever is in it."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(80), nullable=False, unique=True),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("last_used_at", sa.BigInteger),
    )
    op.add_column("proposal", sa.Column("api_key", sa.Integer))
    op.add_column("proposal", sa.Column("request_key", sa.String(200)))
    op.add_column("proposal", sa.Column("request_hash", sa.String(64)))
    op.create_index("proposal_once_per_request", "proposal", ["request_key"], unique=True)
    op.add_column("delivery", sa.Column("changed_at", sa.BigInteger))
