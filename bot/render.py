"""A reply of the dialog -> a message as it is shown: words, buttons, cards as plain values, and fresh links."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from bot.stores.base import Button, Link, Message
from bot.wording import Wording
from dialogs.model import (
    Agree,
    CheckoutLink,
    DocumentLink,
    HelpLink,
    HopLink,
    InvoiceCard,
    InvoicesCard,
    ReceiptCard,
    ReceiptLink,
    Reply,
    Say,
    Sure,
)
from dialogs.reading.buttons import to_button
from services.model import Invoice, Shown

Row = dict[str, str | int | None]
Card = dict[str, str | int | list[Row] | None]


class Renderer:
    """Speaks every language that has a wording; falls back to the first."""

    def __init__(  # noqa: PLR0917  # what makes each kind of link, as `build` has it
        self,
        wordings: Mapping[str, Wording],
        share: Callable[[str], Awaitable[str]],
        document: Callable[[str], str],
        receipt: Callable[[str], Awaitable[str]],
        hop: Callable[[HopLink], Awaitable[str]],
        base_url: str,
    ) -> None:
        """``share`` makes a `/go` token for a payment's reference, ``document`` a `/d` token for an invoice's id, ``receipt``
        an `/r` token for a payment's reference, ``hop`` the whole address that moves a chat.
        """
        self._wordings = wordings
        self.default = next(iter(wordings))
        self._share = share
        self._document = document
        self._receipt = receipt
        self._hop = hop
        self._base_url = base_url

    def speaks(self, locale: str) -> bool:
        return locale in self._wordings

    def sentence(self, key: str, locale: str) -> str:
        """A sentence without values, for what is said beside a conversation."""
        return self._wordings[locale if locale in self._wordings else self.default].say(Say(key))

    def words(self, say: Say, locale: str) -> str:
        """A sentence with its values, for what is said in a letter as well."""
        return self._wordings[locale if locale in self._wordings else self.default].say(say)

    async def render(self, seq: int, reply: Reply, locale: str, at: int, *, notice: bool = False) -> Message:
        """``notice``: nobody asked for it. ``at``: seconds since 1970 UTC."""
        wording = self._wordings[locale if locale in self._wordings else self.default]
        return Message(
            seq,
            "agent" if reply.agent else "notice" if notice else "bot",
            wording.say(reply.say),
            tuple(Button(wording.say(choice.title), to_button(choice.act)) for choice in reply.choices),
            _card(reply.card),
            await self._link(reply.link, wording.locale),
            reply.agent,
            at,
            reply.hands_over,
            reply.closes,
        )

    def shown(self, replies: Sequence[Reply], locale: str) -> Shown | None:
        """The words beside the button that agrees, with its own, as `render` makes them; None where none does."""
        asking = [
            (reply.say, each.title) for reply in replies for each in reply.choices if isinstance(each.act, Agree | Sure)
        ]
        if not asking:
            return None
        wording = self._wordings[locale if locale in self._wordings else self.default]
        text, button = asking[-1]
        words = f"{wording.say(text)}\n[{wording.say(button)}]"
        return Shown(words, wording.version(text, button), wording.locale)

    async def _link(
        self, link: CheckoutLink | DocumentLink | ReceiptLink | HelpLink | HopLink | None, locale: str
    ) -> Link | None:
        match link:
            case None:
                return None
            case CheckoutLink(reference):
                return Link("checkout", f"{self._base_url}/go/{await self._share(reference)}")
            case DocumentLink(invoice):
                return Link("document", f"{self._base_url}/d/{self._document(invoice)}")
            case ReceiptLink(reference):
                return Link("receipt", f"{self._base_url}/r/{await self._receipt(reference)}?lang={locale}")
            case HopLink():
                return Link("hop", await self._hop(link))
            case HelpLink(topic, language):
                return Link("help", f"{self._base_url}/help/{topic}?lang={language}")


def _card(card: InvoiceCard | InvoicesCard | ReceiptCard | None) -> Card | None:
    match card:
        case None:
            return None
        case InvoicesCard(listing):
            return {
                "kind": "invoices",
                "count": listing.count,
                "rows": [_row(each) for each in listing.shown],
                "sums": [msgspec.to_builtins(each) for each in listing.sums],
            }
        case InvoiceCard(invoice):
            return {"kind": "invoice", **_row(invoice)}
        case ReceiptCard(payment):
            receipt: Card = {
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
            return receipt | {"fee_minor": payment.fee_minor} if payment.fee_minor else receipt


def _row(invoice: Invoice) -> Row:
    return {
        "number": invoice.number,
        "state": invoice.state,
        "currency": invoice.due.currency,
        "total_minor": invoice.total.minor,
        "due_minor": invoice.due.minor,
        "processing_minor": invoice.processing,
        "due_date": invoice.due_date.isoformat() if invoice.due_date else None,
    }
