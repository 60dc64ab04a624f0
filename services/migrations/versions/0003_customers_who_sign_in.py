"""Customers who sign in: codes, accounts, remembered browsers, saved methods, requests, details and the lines of invoices.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of revision 0002, whatever is in it."""
    op.add_column("payment", sa.Column("customer", sa.String(120)))
    op.add_column("payment", sa.Column("saved", sa.String(120), nullable=False, server_default=""))
    op.add_column("payment", sa.Column("vault", sa.String(40), nullable=False, server_default=""))
    op.add_column("payment", sa.Column("declines", sa.Integer, nullable=False, server_default="0"))
    op.add_column("payment", sa.Column("submitted_at", sa.BigInteger))
    op.add_column("payment", sa.Column("cleared_at", sa.BigInteger))
    op.create_index("ix_payment_customer", "payment", ["customer"])
    op.add_column("handoff_case", sa.Column("customer", sa.String(120)))
    op.add_column("handoff_case", sa.Column("words", sa.Text, nullable=False, server_default=""))
    op.add_column("handoff_case", sa.Column("answer", sa.Text, nullable=False, server_default=""))
    op.add_column("handoff_case", sa.Column("told_at", sa.BigInteger))
    op.create_index("ix_handoff_case_customer", "handoff_case", ["customer"])
    _partial("open_case_of_invoice", "handoff_case", "invoice", "closed_at IS NULL")
    _partial("answer_to_tell", "handoff_case", "id", "answer <> '' AND told_at IS NULL")
    _sign_in()
    _methods()
    _book()


def _partial(name: str, table: str, column: str, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _sign_in() -> None:
    op.create_table(
        "sign_in_code",
        sa.Column("chat", sa.String(200), primary_key=True),
        sa.Column("purpose", sa.String(16), primary_key=True),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("code_hash", sa.LargeBinary, nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
    )
    op.create_table(
        "sign_in_guard",
        sa.Column("address_hash", sa.String(64), primary_key=True),
        sa.Column("wrong", sa.Integer, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "account",
        sa.Column("customer", sa.String(120), primary_key=True),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("not_before", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_table(
        "browser",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("customer", sa.String(120), nullable=False),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("proved_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_index("ix_browser_customer", "browser", ["customer"])
    op.create_index("ix_browser_chat", "browser", ["chat"])


def _methods() -> None:
    op.create_table(
        "method_note",
        sa.Column("customer", sa.String(120), primary_key=True),
        sa.Column("method", sa.String(120), primary_key=True),
        sa.Column("nickname", sa.String(60), nullable=False, server_default=""),
        sa.Column("favorite", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("blocked", sa.String(32)),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )


def _book() -> None:
    for name in ("street", "city", "region"):
        op.add_column("book_customer", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.add_column("book_customer", sa.Column("phone", sa.String(40), nullable=False, server_default=""))
    op.add_column("book_customer", sa.Column("language", sa.String(16), nullable=False, server_default=""))
    for name in ("receipts", "reminders"):
        op.add_column("book_customer", sa.Column(name, sa.Boolean, nullable=False, server_default=sa.text("true")))
    op.add_column("book_customer", sa.Column("own_fields", sa.Text, nullable=False, server_default=""))
    op.create_index("book_customer_by_email", "book_customer", [sa.text("lower(email)")])
    op.create_table(
        "book_line",
        sa.Column("invoice", sa.String(120), sa.ForeignKey("book_invoice.id"), primary_key=True),
        sa.Column("nth", sa.Integer, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("quantity", sa.String(40), nullable=False, server_default=""),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "book_saved",
        sa.Column("key", sa.String(120), primary_key=True),
        sa.Column("customer", sa.String(120), sa.ForeignKey("book_customer.id"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
