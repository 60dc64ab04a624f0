"""Customers who pay no program fee.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of the revision before, whatever is in it: a fee is taken of everybody until the books say otherwise."""
    exempt = sa.Column("fee_exempt", sa.Boolean, nullable=False, server_default=sa.text("false"))
    op.add_column("book_customer", exempt)
