"""The owner's report as values: money in and out, what became of payments, and what came of letters, over some days.

Each part is read in a transaction of its own, so that nobody who pays waits for more than one of them; together they are no
snapshot of one instant. What it looks like is `bot.desk.pictures`.
"""

from datetime import date, datetime, tzinfo
from functools import partial

import msgspec

from services.database import Transact
from services.desk.days import Days
from services.desk.funnel import Funnel, funnel
from services.desk.income import Came, Fate, WentBack, came, fates, went_back

LONGEST = 1100  # days: three years


class Report(msgspec.Struct, frozen=True):
    """From one day to another, both included, in the business's time zone; ``made_at`` as told by its clock."""

    business: str
    first: date
    last: date
    zone: str
    made_at: datetime
    came: tuple[Came, ...]
    back: tuple[WentBack, ...]
    fates: tuple[Fate, ...]
    funnel: Funnel

    @property
    def currencies(self) -> tuple[str, ...]:
        """Those in which anything happened, in alphabetical order."""
        came, back, begun = ({each.amount.currency for each in some} for some in (self.came, self.back, self.fates))
        return tuple(sorted(came | back | begun))


async def read(transact: Transact, days: Days, business: str, now: datetime) -> Report:
    """What happened on these days. Raises what `transact` raises."""
    zone: tzinfo = days.zone
    return Report(
        business=business,
        first=days.all[0],
        last=days.all[-1],
        zone=str(zone),
        made_at=now.astimezone(zone),
        came=tuple(await transact(partial(came, days=days))),
        back=tuple(await transact(partial(went_back, days=days))),
        fates=tuple(await transact(partial(fates, days=days))),
        funnel=await transact(partial(funnel, days=days)),
    )
