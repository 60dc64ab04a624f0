"""What was shown and agreed to, in one chain of hashes.

Of consents that are there already nothing is written: what was shown then is not known, and is not made up. Written out
like the first revision, and never importing `services.schema` or `services.agreements`.
"""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of the revision before, whatever is in it."""
    op.create_table(
        "agreement",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("act", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("customer", sa.String(120)),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("message", sa.String(200), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("wording", sa.String(64), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("terms", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("fee_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("method", sa.String(8), nullable=False),
        sa.Column("brand", sa.String(24), nullable=False),
        sa.Column("last4", sa.String(4), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("before", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.UniqueConstraint("subject", "number", name="agreements_of_subject"),
    )
    op.create_index("ix_agreement_customer", "agreement", ["customer"])
    op.create_index("ix_agreement_chat", "agreement", ["chat"])
    _refuse_change("agreement")
    head = op.create_table(
        "agreement_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("consents_before", sa.BigInteger, nullable=False),
    )
    before = op.get_bind().execute(sa.text("SELECT coalesce(max(id), 0) FROM consent")).scalar_one()
    begin = hashlib.sha256(f"agreements of Remit, 1; consents before: {before}".encode()).hexdigest()
    op.bulk_insert(head, [{"id": 1, "number": 0, "hash": begin, "consents_before": before}])


def _refuse_change(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
