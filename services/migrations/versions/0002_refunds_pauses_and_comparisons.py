"""Refunds, pauses of new payments, rulings, comparisons with the gateway, and evidence in the cases of people.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of revision 0001, whatever is in it."""
    op.add_column("payment", sa.Column("refunded_minor", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("payment", sa.Column("happened_at", sa.BigInteger))
    op.add_column("payment", sa.Column("unmoved", sa.Integer, nullable=False, server_default="0"))
    op.add_column("payment", sa.Column("ruling", sa.Integer))
    op.add_column("handoff_case", sa.Column("evidence", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_payment_invoice_invoice", "payment_invoice", ["invoice"])
    op.create_index("outbox_of_payment", "outbox", ["payment", "kind", "id"])
    _one_payment_per_yes()
    _refunds()
    _pauses()
    _rulings()
    op.create_table(
        "comparison",
        sa.Column("gateway", sa.String(32), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("report", sa.Text, nullable=False, server_default=""),
    )


def _one_payment_per_yes() -> None:
    """Where a yes began two payments before this was forbidden, the later ones are told apart by their references."""
    _allow_change("consent")
    op.execute(
        "UPDATE consent SET message = substr(message, 1, 160) || '#' || payment WHERE EXISTS (SELECT 1 FROM consent AS"
        " earlier WHERE earlier.chat = consent.chat AND earlier.message = consent.message AND earlier.id < consent.id)"
    )
    _refuse_change("consent")
    op.create_index("one_payment_per_yes", "consent", ["chat", "message"], unique=True)


def _refunds() -> None:
    op.create_table(
        "refund",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("payment", sa.String(32), sa.ForeignKey("payment.reference"), nullable=False),
        sa.Column("request_key", sa.String(120), nullable=False, unique=True),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("gateway_key", sa.String(64), nullable=False, unique=True),
        sa.Column("asked_by", sa.String(120), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="refund_amount_positive"),
    )
    op.create_index("ix_refund_payment", "refund", ["payment"])


def _pauses() -> None:
    op.create_table(
        "pause",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("asked_by", sa.String(120), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    _refuse_change("pause")


def _rulings() -> None:
    op.create_table(
        "ruling",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("payment", sa.String(32), sa.ForeignKey("payment.reference"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("facts", sa.Integer, nullable=False),
        sa.Column("asked_by", sa.String(120), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_index("ix_ruling_payment", "ruling", ["payment"])
    _refuse_change("ruling")


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


def _allow_change(table: str) -> None:
    """Until `_refuse_change`, in this transaction: evidence is only ever touched by a migration."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP TRIGGER {table}_refuses_change ON {table}")
        return
    for change in ("update", "delete"):
        op.execute(f"DROP TRIGGER {table}_refuses_{change}")
