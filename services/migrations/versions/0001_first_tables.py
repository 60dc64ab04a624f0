"""The first tables: payments, identity, and Remit's own invoice book, with triggers that keep evidence as it is.

Written out, and never importing `services.schema`: what was built once must not change when the tables do.
There is no way down: a ledger is restored from a copy, not unbuilt.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

EVIDENCE = ("payment_event", "fact", "journal", "consent", "book_posting")


def upgrade() -> None:
    """Build all tables in an empty database, SQLite or PostgreSQL."""
    _payments()
    _evidence()
    _outbox_and_links()
    _identity()
    _book()
    if op.get_bind().dialect.name == "postgresql":
        _refuse_changes_in_postgresql()
    else:
        _refuse_changes_in_sqlite()


def _payments() -> None:
    op.create_table(
        "payment",
        sa.Column("reference", sa.String(32), primary_key=True),
        sa.Column("start_key", sa.String(80), nullable=False, unique=True),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("fee_minor", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("method", sa.String(8), nullable=False),
        sa.Column("billing_name", sa.Text, nullable=False),
        sa.Column("billing_zip", sa.String(32), nullable=False),
        sa.Column("gateway", sa.String(32), nullable=False),
        sa.Column("gateway_key", sa.String(64), nullable=False, unique=True),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("page", sa.String(200)),
        sa.Column("page_url", sa.Text),
        sa.Column("page_expires_at", sa.BigInteger),
        sa.Column("brand", sa.String(24), nullable=False, server_default=""),
        sa.Column("last4", sa.String(4), nullable=False, server_default=""),
        sa.Column("reason", sa.String(32)),
        sa.Column("lease_until", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
        sa.Column("looked_at", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="payment_amount_positive"),
    )
    op.create_index("ix_payment_chat", "payment", ["chat"])
    op.create_index("ix_payment_state", "payment", ["state"])
    op.create_table(
        "payment_invoice",
        sa.Column("payment", sa.String(32), sa.ForeignKey("payment.reference"), primary_key=True),
        sa.Column("invoice", sa.String(120), primary_key=True),
        sa.Column("number", sa.String(120), nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("reserved", sa.Boolean, nullable=False),
    )
    op.create_index(
        "one_live_payment_per_invoice",
        "payment_invoice",
        ["invoice"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )


def _evidence() -> None:
    op.create_table(
        "payment_event",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("payment", sa.String(32), sa.ForeignKey("payment.reference"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("before", sa.String(16)),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
    )
    op.create_index("ix_payment_event_payment", "payment_event", ["payment"])
    op.create_table(
        "fact",
        sa.Column("gateway", sa.String(32), primary_key=True),
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_fact_reference", "fact", ["reference"])
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("entry", sa.String(80), nullable=False),
        sa.Column("payment", sa.String(32), sa.ForeignKey("payment.reference"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("account", sa.String(24), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.UniqueConstraint("entry", "account", name="journal_entry_once"),
    )
    op.create_index("ix_journal_payment", "journal", ["payment"])
    op.create_table(
        "consent",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("payment", sa.String(32), sa.ForeignKey("payment.reference"), nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("message", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("quote", sa.LargeBinary, nullable=False),
    )


def _outbox_and_links() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("payment", sa.String(32), sa.ForeignKey("payment.reference"), nullable=False),
        sa.Column("key", sa.String(120), nullable=False, unique=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("done_at", sa.BigInteger),
    )
    op.create_index(
        "outbox_waiting",
        "outbox",
        ["due_at"],
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "go_link",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("payment", sa.String(32), sa.ForeignKey("payment.reference"), nullable=False),
        sa.Column("shown_at", sa.BigInteger, nullable=False),
        sa.Column("opened_at", sa.BigInteger),
    )


def _identity() -> None:
    op.create_table(
        "pay_link",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("invoice", sa.String(120), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_index("ix_pay_link_invoice", "pay_link", ["invoice"])
    op.create_table(
        "attempt",
        sa.Column("subject", sa.String(200), primary_key=True),
        sa.Column("window", sa.BigInteger, primary_key=True),
        sa.Column("wrong", sa.Integer, nullable=False),
    )
    op.create_table(
        "tried",
        sa.Column("key", sa.String(120), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_tried_at", "tried", ["at"])
    op.create_table(
        "handoff_case",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(120), nullable=False, unique=True),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("invoice", sa.String(120)),
        sa.Column("payment", sa.String(32)),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
    )
    op.create_index("ix_handoff_case_chat", "handoff_case", ["chat"])


def _book() -> None:
    op.create_table(
        "book_customer",
        sa.Column("id", sa.String(120), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("zip", sa.String(32), nullable=False, server_default=""),
        sa.Column("email", sa.String(254), nullable=False, server_default=""),
    )
    op.create_table(
        "book_invoice",
        sa.Column("id", sa.String(120), primary_key=True),
        sa.Column("supplier", sa.String(200), nullable=False),
        sa.Column("number", sa.String(120), nullable=False),
        sa.Column("plain_number", sa.String(120), nullable=False),
        sa.Column("customer", sa.String(120), sa.ForeignKey("book_customer.id"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("total_minor", sa.BigInteger, nullable=False),
        sa.Column("due_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("issued", sa.Date, nullable=False),
        sa.Column("due_date", sa.Date),
        sa.Column("voided", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
        sa.UniqueConstraint("supplier", "number", name="one_document_per_identity"),
    )
    op.create_index("ix_book_invoice_plain_number", "book_invoice", ["plain_number"])
    op.create_index("ix_book_invoice_customer", "book_invoice", ["customer"])
    op.create_table(
        "book_posting",
        sa.Column("key", sa.String(120), primary_key=True),
        sa.Column("invoice", sa.String(120), sa.ForeignKey("book_invoice.id"), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_book_posting_invoice", "book_posting", ["invoice"])


def _refuse_changes_in_sqlite() -> None:
    for table in EVIDENCE:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _refuse_changes_in_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in EVIDENCE:
        # per statement: an UPDATE that meets no row is refused as well, and so is TRUNCATE
        op.execute(
            f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
