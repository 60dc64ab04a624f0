"""Autopay: standing authorisations, what is charged under them run by run, and what customers are told of it.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of the revision before, whatever is in it."""
    op.add_column("payment", sa.Column("enrolment", sa.Integer))
    op.create_index("ix_payment_enrolment", "payment", ["enrolment"])
    op.add_column("pause", sa.Column("autopay", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.add_column("consent", sa.Column("standing", sa.String(300)))
    op.drop_index("one_payment_per_yes", "consent")
    _partial("one_payment_per_yes", "consent", ["chat", "message"], "standing IS NULL", unique=True)
    op.create_index("one_payment_per_presentment", "consent", ["standing"], unique=True)
    _enrolments()
    _charges()
    _runs()
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER autopay_event_refuses_{change.lower()} BEFORE {change} ON autopay_event "
                "BEGIN SELECT RAISE(ABORT, 'autopay_event is append-only'); END"
            )
    else:
        op.execute(
            "CREATE TRIGGER autopay_event_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON autopay_event "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _enrolments() -> None:
    op.create_table(
        "autopay",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("customer", sa.String(120), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("saved", sa.String(120), nullable=False),
        sa.Column("method", sa.String(8), nullable=False),
        sa.Column("brand", sa.String(24), nullable=False, server_default=""),
        sa.Column("last4", sa.String(4), nullable=False, server_default=""),
        sa.Column("limit_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("days", sa.Integer, nullable=False),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("agreed_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("why", sa.String(32), nullable=False, server_default=""),
        sa.CheckConstraint("limit_minor > 0", name="autopay_limit_positive"),
    )
    op.create_index("ix_autopay_customer", "autopay", ["customer"])
    _partial("one_autopay_per_customer", "autopay", ["customer"], "state IN ('on', 'paused')", unique=True)
    op.create_table(
        "autopay_event",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(120), nullable=False, unique=True),
        sa.Column("enrolment", sa.Integer, sa.ForeignKey("autopay.id"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("message", sa.String(200), nullable=False),
        sa.Column("terms", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_autopay_event_enrolment", "autopay_event", ["enrolment"])


def _charges() -> None:
    op.create_table(
        "autopay_charge",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("invoice", sa.String(120), nullable=False),
        sa.Column("cycle", sa.Date, nullable=False),
        sa.Column("enrolment", sa.Integer, sa.ForeignKey("autopay.id"), nullable=False),
        sa.Column("customer", sa.String(120), nullable=False),
        sa.Column("number", sa.String(120), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
        sa.Column("presentments", sa.Integer, nullable=False, server_default="0"),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("first_at", sa.BigInteger),
        sa.Column("payment", sa.String(32)),
        sa.Column("seen", sa.Integer, nullable=False, server_default="0"),
        sa.Column("why", sa.String(32), nullable=False, server_default=""),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("invoice", "cycle", name="one_charge_per_cycle"),
    )
    op.create_index("ix_autopay_charge_enrolment", "autopay_charge", ["enrolment"])
    op.create_index("ix_autopay_charge_customer", "autopay_charge", ["customer"])
    op.create_index("autopay_charge_of_payment", "autopay_charge", ["payment"])
    op.create_index("autopay_charge_due", "autopay_charge", ["state", "due_at"])


def _runs() -> None:
    op.create_table(
        "autopay_run",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("asked_by", sa.String(120), nullable=False, server_default=""),
    )
    op.create_index("ix_autopay_run_at", "autopay_run", ["at"])
    op.create_table(
        "autopay_line",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("autopay_run.id"), nullable=False),
        sa.Column("customer", sa.String(120), nullable=False),
        sa.Column("invoice", sa.String(120), nullable=False),
        sa.Column("number", sa.String(120), nullable=False),
        sa.Column("did", sa.String(16), nullable=False),
        sa.Column("why", sa.String(32), nullable=False, server_default=""),
        sa.Column("amount_minor", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("currency", sa.String(3), nullable=False, server_default=""),
        sa.Column("payment", sa.String(32), nullable=False, server_default=""),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_autopay_line_run", "autopay_line", ["run"])
    op.create_table(
        "autopay_notice",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(200), nullable=False, unique=True),
        sa.Column("customer", sa.String(120), nullable=False),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.BigInteger),
    )
    op.create_index("ix_autopay_notice_customer", "autopay_notice", ["customer"])
    _partial("autopay_notice_to_tell", "autopay_notice", ["id"], "told_at IS NULL")
