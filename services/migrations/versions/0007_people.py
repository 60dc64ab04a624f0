"""The people who help: accounts, handoffs, errands, transcripts, proposals, notes and the audit.

Written out like the first revision, and never importing `services.schema`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to a database of the revision before, whatever is in it."""
    _accounts()
    _handoffs()
    _desk()
    _refuse_change("audit")


def _accounts() -> None:
    op.create_table(
        "agent",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("email", sa.String(254), nullable=False, unique=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
        sa.Column("wrong", sa.Integer, nullable=False, server_default="0"),
        sa.Column("locked_until", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_table(
        "desk_session",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("agent", sa.Integer, sa.ForeignKey("agent.id"), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_desk_session_agent", "desk_session", ["agent"])


def _handoffs() -> None:
    op.create_table(
        "handoff",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("agent", sa.Integer, sa.ForeignKey("agent.id")),
        sa.Column("taken_at", sa.BigInteger),
        sa.Column("resolved_at", sa.BigInteger),
        sa.Column("brief", sa.Text, nullable=False, server_default=""),
        sa.Column("waits_since", sa.BigInteger),
        sa.Column("stars", sa.Integer),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_handoff_chat", "handoff", ["chat"])
    op.create_index("ix_handoff_agent", "handoff", ["agent"])
    _partial("one_open_handoff_per_chat", "handoff", "chat", "resolved_at IS NULL", unique=True)
    op.create_table(
        "errand",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("key", sa.String(120), unique=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.BigInteger),
    )
    op.create_index("ix_errand_chat", "errand", ["chat"])
    _partial("errand_to_do", "errand", "id", "done_at IS NULL")
    op.create_table(
        "transcript",
        sa.Column("chat", sa.String(200), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sender", sa.String(16), nullable=False),
        sa.Column("name", sa.String(80), nullable=False, server_default=""),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "proposal",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("handoff", sa.Integer, sa.ForeignKey("handoff.id")),
        sa.Column("agent", sa.Integer, sa.ForeignKey("agent.id")),
        sa.Column("invoices", sa.Text, nullable=False),
        sa.Column("numbers", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("payment", sa.String(32)),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_proposal_chat", "proposal", ["chat"])


def _desk() -> None:
    op.create_table(
        "desk_note",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("chat", sa.String(200), nullable=False),
        sa.Column("agent", sa.Integer, sa.ForeignKey("agent.id"), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_desk_note_chat", "desk_note", ["chat"])
    op.create_table(
        "canned",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("title", sa.String(80), nullable=False, unique=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("changed_by", sa.Integer, sa.ForeignKey("agent.id"), nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("agent", sa.Integer),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("chat", sa.String(200), nullable=False, server_default=""),
        sa.Column("payment", sa.String(32), nullable=False, server_default=""),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("ix_audit_what", "audit", ["what"])


def _partial(name: str, table: str, column: str, where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, [column], unique=unique, sqlite_where=condition, postgresql_where=condition)


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
