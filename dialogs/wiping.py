"""What may stay of an effect under way, once the customer's earlier words turn out to hold a piece of a card number.

Pure, and about effects alone: what is forgotten of the tasks is said by each task, of the log by `bot/wiping.py`.
"""

from msgspec.structs import replace

from dialogs.model import CallAgent, EditMethod, Effect, NoteGap, OpenRequest, ProveInvoice, SaveDetails


def harmless(effect: Effect) -> Effect | None:
    """The effect without what was told in the customer's own words; None for one that is nothing but that.

    A case for a person stays a case, without words. A payment stays whole: it was agreed to, and its sum and billing
    details are what was agreed. An address or code of a sign-in is none of these words: the guard takes neither for a piece.
    """
    match effect:
        case ProveInvoice() | SaveDetails() | NoteGap() | EditMethod(what="nickname"):
            return None
        case OpenRequest():
            return replace(effect, why="")
        case CallAgent():
            return replace(effect, summary="")
        case _:
            return effect
