"""The program fee as its customers would reckon it, with arithmetic of its own: what is asked, and what must have gone back.

Nothing of the assistant's rules is read here.
"""

from fractions import Fraction

from services.sandbox.payments import HostedPage

from .till import ARRIVED, kept

POINTS, FIXED = 290, 30  # hundredths of a per cent, and minor units
EXEMPT = "bob"  # a customer who pays none


def takes_fee(seed: int) -> bool:
    """Whether the business of this seed takes a fee: of few, so that planted bugs keep the seeds that show them."""
    return seed % 16 == 0 or seed % 17 == 13


def fee_for(due: int) -> int:
    """For paying so much by card: per cent and fixed, a half upwards."""
    exact = Fraction(due * POINTS, 10_000)
    whole = exact.numerator // exact.denominator
    return whole + (exact - whole >= Fraction(1, 2)) + FIXED


def fee_kept(page: HostedPage, fee: int) -> int:
    """What the business still has of the fee in a payment, to within one minor unit for each time that something went back."""
    gone = page.order.amount_minor - kept(page)
    return fee - int(Fraction(fee * gone, page.order.amount_minor)) if page.state in ARRIVED else 0


def slack(page: HostedPage, fee: int) -> int:
    """By how many minor units rounding may have moved that: once for each refund or dispute, also one that failed."""
    return len(page.refunds) + bool(page.dispute) if fee else 0
