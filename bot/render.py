"""A reply of the dialog -> a message as it is shown: words, buttons, cards as plain values, and fresh links."""

from collections.abc import Awaitable, Callable, Mapping

from bot.stores.base import Button, Link, Message
from bot.wording import Wording
from dialogs.model import InvoiceCard, ReceiptCard, Reply
from dialogs.reading.buttons import to_button

Card = dict[str, str | int | None]


class Renderer:
    """Speaks every language that has a wording; falls back to the first."""

    def __init__(self, wordings: Mapping[str, Wording], share: Callable[[str], Awaitable[str]], base_url: str) -> None:
        """``share`` makes a `/go` token for a payment's reference."""
        self._wordings = wordings
        self.default = next(iter(wordings))
        self._share = share
        self._base_url = base_url

    def speaks(self, locale: str) -> bool:
        return locale in self._wordings

    async def render(self, seq: int, reply: Reply, locale: str, *, notice: bool = False) -> Message:
        """``notice``: nobody asked for it."""
        wording = self._wordings[locale if locale in self._wordings else self.default]
        link = None
        if reply.link is not None:
            link = Link("checkout", f"{self._base_url}/go/{await self._share(reply.link.reference)}")
        return Message(
            seq,
            "notice" if notice else "bot",
            wording.say(reply.say),
            tuple(Button(wording.say(choice.title), to_button(choice.act)) for choice in reply.choices),
            _card(reply.card),
            link,
        )


def _card(card: InvoiceCard | ReceiptCard | None) -> Card | None:
    match card:
        case None:
            return None
        case InvoiceCard(invoice):
            return {
                "kind": "invoice",
                "number": invoice.number,
                "state": invoice.state,
                "currency": invoice.due.currency,
                "total_minor": invoice.total.minor,
                "due_minor": invoice.due.minor,
                "processing_minor": invoice.processing,
                "due_date": invoice.due_date.isoformat() if invoice.due_date else None,
            }
        case ReceiptCard(payment):
            return {
                "kind": "receipt",
                "reference": payment.reference,
                "state": payment.state,
                "currency": payment.amount.currency,
                "amount_minor": payment.amount.minor,
                "method": payment.method,
                "brand": payment.brand,
                "last4": payment.last4,
                "invoices": ", ".join(payment.numbers),
                "at": (payment.happened_at or payment.at).isoformat(),
            }
