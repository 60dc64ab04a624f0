"""The program fee: what a card payment costs beside the invoice, and what of it goes back. Integers of minor units only.

One fee for all cards, or none; never by bank account, never for customers whom the books exempt. It is one fee for each payment, over the sum
that is paid on its invoices, and is charged with that sum as one amount (Visa's rules on convenience fees: included in the total,
disclosed as a charge, and the customer can still turn back). Whether a business may take it is between it and its acquirer: the networks' U.S.
surcharge rules want 30 days' notice, the amount shown before the payment and on the receipt, no more than the merchant's own cost and at
most 3 % (Visa) or 4 % (Mastercard), and none on debit and prepaid cards; a convenience fee is a fixed sum at Visa, and on no recurring payment.
Summaries: paymentsandrisk.com/docs/compliance/network-rules/surcharging, payscout.com/visa-rules-on-convenience-fees.
"""

import msgspec

from services.model.money import Money
from services.model.payments import Method

MOST_BASIS_POINTS = 400  # Mastercard's cap on a U.S. credit surcharge, the higher of the two


class Fee(msgspec.Struct, frozen=True):
    """``[fee]`` of the settings. A hundred ``basis_points`` are one per cent. The sums are minor units of the payment's own currency.

    ``most_minor`` is the most that one payment's fee can be; 0: no such limit.
    """

    basis_points: int = 0
    fixed_minor: int = 0
    most_minor: int = 0

    def of(self, due: Money, method: Method, *, exempt: bool) -> int:
        """The fee in minor units for paying ``due`` by this method.

        The percentage is rounded to a whole minor unit, a half upwards, as invoices and tills round a sum that is not negative.
        """
        if exempt or method is not Method.CARD or due.minor <= 0:
            return 0
        asked = (due.minor * self.basis_points + 5000) // 10_000 + self.fixed_minor
        return min(asked, self.most_minor) if self.most_minor else asked


def gone_of_fee(total: int, fee: int, gone: int) -> int:
    """What of a ``fee`` has gone back, when ``gone`` of a ``total`` has that holds it: in proportion, and all of it with the last unit.

    Rounded down each time over all that went, so that parts of a refund add up: to exactly the fee when everything went back.
    """
    return max(0, min(gone, total)) * fee // total


def fee_in(total: int, fee: int, gone: int, more: int) -> int:
    """What of the next ``more`` minor units to go back is fee, after ``gone`` went before."""
    return gone_of_fee(total, fee, gone + more) - gone_of_fee(total, fee, gone)
