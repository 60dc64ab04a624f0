"""Takes words out of the ledger's tables that a customer should not have said, as far as they were written down there.

Which words is decided by whoever calls; tables that are evidence are left alone. What is told in the customer's words and
not reached here: a confirmed billing name and zip (part of what was agreed to), and details that were saved in the books.
"""

from collections.abc import Callable

from sqlalchemy import Connection, delete, or_, select, update

from services.database import wiping
from services.schema import handoff_case, help_gap, method_note

Judge = Callable[[str], bool]


def forget(conn: Connection, chat: str, epoch: str, customer: str, *, holds: Judge, is_one: Judge) -> int:
    """Empty what was kept of these words, and answer how many rows held some.

    ``holds`` is asked of a chat's words and summaries in cases and of its unanswered questions, whose keys begin with the
    ``epoch`` of the conversation; ``is_one`` of the names that ``customer`` (an id, "" for nobody) gave to saved methods.
    """
    cases = select(handoff_case.c.id, handoff_case.c.words, handoff_case.c.summary).where(
        handoff_case.c.chat == chat, or_(handoff_case.c.words != "", handoff_case.c.summary != "")
    )
    held = 0
    for row in conn.execute(cases).all():
        emptied = {name: "" for name in ("words", "summary") if holds(getattr(row, name))}
        if emptied:
            conn.execute(update(handoff_case).where(handoff_case.c.id == row.id).values(**emptied))
            held += 1
    gaps = select(help_gap.c.key, help_gap.c.text).where(help_gap.c.key.startswith(f"{epoch}/", autoescape=True))
    for gap in conn.execute(gaps).all():
        if holds(gap.text):
            conn.execute(delete(help_gap).where(help_gap.c.key == gap.key))
            held += 1
    held += _names(conn, customer, is_one)
    if held:
        wiping(conn)
    return held


def _names(conn: Connection, customer: str, is_one: Judge) -> int:
    given = select(method_note.c.method, method_note.c.nickname).where(method_note.c.customer == customer)
    held = [row.method for row in conn.execute(given).all() if is_one(row.nickname)] if customer else []
    for method in held:
        this = method_note.c.customer == customer, method_note.c.method == method
        conn.execute(update(method_note).where(*this).values(nickname=""))
    return len(held)
