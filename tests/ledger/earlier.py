"""What stands in the tables of each revision, as plain values; a new revision adds its own rows here, and nothing else.

`ROWS`: revision -> table -> rows, for every table that is new in that revision. `ADDED`: revision -> table -> what its
new columns say of older rows. Written out, and made by no code of ours: what was stored once does not change when the
code does.
"""

from typing import Any

Rows = dict[str, list[dict[str, Any]]]

AT = 1772625600000000  # 2026-03-04 12:00 UTC
INVOICE = "book:0123456789abcdef0123456789abcdef"
PAID, OPEN = "RM-1A11-1A11", "RM-2B22-2B22"

_PAYMENT: dict[str, Any] = {
    "chat": "web:1", "version": 3, "amount_minor": 12250, "fee_minor": 250, "currency": "USD", "method": "card",
    "billing_name": "Dana Whitfield", "billing_zip": "94107", "gateway": "sandbox", "request_hash": "0" * 64,
    "lease_until": 0, "fence": 1, "looked_at": AT, "created_at": AT, "changed_at": AT,
}  # fmt: skip  # a row reads best as a row
_SUM = b'"amount":{"minor":12250,"currency":"USD"}'

ROWS: dict[str, Rows] = {
    "0001": {
        "payment": [
            _PAYMENT | {"reference": PAID, "start_key": "a/1/0", "state": "succeeded", "gateway_key": "1" * 32,
                        "brand": "visa", "last4": "4242"},
            _PAYMENT | {"reference": OPEN, "start_key": "a/2/0", "state": "open", "gateway_key": "2" * 32,
                        "page": "pg_2", "page_url": "https://pay.example/pg_2", "page_expires_at": AT + 10**9,
                        "brand": "", "last4": ""},
        ],
        "payment_invoice": [
            {"payment": PAID, "invoice": INVOICE, "number": "INV-7", "version": "1.0", "amount_minor": 12000,
             "live": False, "reserved": True},
            {"payment": OPEN, "invoice": "portal:9", "number": "INV-9", "version": "4", "amount_minor": 12000,
             "live": True, "reserved": False},
        ],
        "payment_event": [
            {"payment": PAID, "at": AT, "before": None, "after": "created", "cause": "started"},
            {"payment": PAID, "at": AT, "before": "open", "after": "succeeded", "cause": "fact evt_1"},
        ],
        "fact": [
            {"gateway": "sandbox", "id": "evt_1", "reference": PAID, "kind": "succeeded", "at": AT, "received_at": AT,
             "body": b'{"id":"evt_1","reference":"RM-1A11-1A11","kind":"succeeded","at":"2026-03-04T12:00:00Z",' + _SUM
             + b',"method":"card","brand":"visa","last4":"4242"}'},
        ],
        "journal": [
            {"entry": f"{PAID}:succeeded", "payment": PAID, "at": AT, "account": account, "amount_minor": minor,
             "currency": "USD"}
            for account, minor in {"clearing": 12250, "receivable": -12000, "fees": -250}.items()
        ],
        "consent": [
            {"payment": PAID, "at": AT, "chat": "web:1", "message": "m-7", "digest": "g" * 16,
             "quote": b'{"lines":[{"invoice":"' + INVOICE.encode() + b'","number":"INV-7","version":"1.0",'
             b'"amount":{"minor":12000,"currency":"USD"}}],"method":"card","name":"D","zip":"94107","fee_minor":250}'},
        ],
        "outbox": [
            {"kind": "post", "payment": PAID, "key": f"post:{PAID}:0:payment", "due_at": AT, "lease_until": 0,
             "fence": 0, "attempts": 0, "done_at": None,
             "body": b'{"key":"post:RM-1A11-1A11:0:payment","invoice":"' + INVOICE.encode() + b'","reference":'
             b'"RM-1A11-1A11","kind":"payment","amount":{"minor":12000,"currency":"USD"},"at":"2026-03-04T12:00:00Z"}'},
            {"kind": "tell", "payment": PAID, "key": f"tell:{PAID}:3", "due_at": AT, "lease_until": AT, "fence": 2,
             "attempts": 2, "done_at": AT,
             "body": b'{"type":"payment","reference":"RM-1A11-1A11","state":"succeeded",' + _SUM
             + b',"method":"card","numbers":["INV-7"],"invoices":["' + INVOICE.encode()
             + b'"],"at":"2026-03-04T12:00:00Z"}'},
        ],
        # sha256 of "token", as links are stored
        "go_link": [{"token_hash": "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0", "payment": OPEN,
                     "shown_at": AT, "opened_at": AT}],
        "pay_link": [{"token_hash": "5" * 64, "invoice": INVOICE, "created_at": AT, "expires_at": AT, "revoked_at": None}],
        "attempt": [{"subject": "invoice:1", "window": 1, "wrong": 9}],
        "tried": [{"key": "a/3/0", "at": AT, "answer": b'{"type":"wrong"}'}],
        "handoff_case": [
            {"key": "a/4/0", "chat": "web:1", "reason": "asked", "invoice": None, "payment": PAID, "summary": "please",
             "at": AT, "closed_at": None},
        ],
        "book_customer": [{"id": "book:c", "name": "Dana Whitfield", "zip": "94107", "email": "dana@example.com"}],
        "book_invoice": [
            {"id": INVOICE, "supplier": "Green Lane", "number": "INV-7", "plain_number": "INV7", "customer": "book:c",
             "kind": "invoice", "total_minor": 15000, "due_minor": 15000, "currency": "USD", "issued": "2026-03-01",
             "due_date": None, "voided": False, "content_hash": "6" * 64, "revision": 1},
        ],
        "book_posting": [
            {"key": "post:RM-0:0:payment", "invoice": INVOICE, "reference": "RM-0", "kind": "payment",
             "amount_minor": 3000, "at": AT},
        ],
    },
    "0002": {
        "refund": [
            {"id": "RF-3C33-3C33", "payment": PAID, "request_key": "desk/1", "amount_minor": 250, "state": "asked",
             "gateway_key": "3" * 32, "asked_by": "agent", "why": "kind", "asked_at": AT, "changed_at": AT},
        ],
        "ruling": [{"payment": OPEN, "at": AT, "state": "failed", "facts": 2, "asked_by": "dana", "why": "seen there"}],
        "pause": [{"at": AT, "paused": True, "asked_by": "dana", "why": "holiday"}],
        "comparison": [
            {"gateway": "sandbox", "day": "2026-03-04", "began_at": AT, "lease_until": AT, "ended_at": AT, "report": "{}"},
        ],
    },
    "0003": {
        "sign_in_code": [
            {"chat": "web:1", "purpose": "sign_in", "address_hash": "7" * 64, "salt": b"salt", "code_hash": b"hash",
             "sent_at": AT, "expires_at": AT + 600_000_000, "used_at": None},
        ],
        "sign_in_guard": [{"address_hash": "7" * 64, "wrong": 3, "changed_at": AT}],
        "account": [{"customer": "book:c", "first_at": AT, "last_at": AT, "not_before": 0}],
        "browser": [
            {"token_hash": "8" * 64, "customer": "book:c", "chat": "web:1", "proved_at": AT, "expires_at": AT,
             "revoked_at": None},
        ],
        "method_note": [
            {"customer": "book:c", "method": "pm_1", "nickname": "office card", "favorite": True, "blocked": None,
             "changed_at": AT},
        ],
        "book_line": [{"invoice": INVOICE, "nth": 1, "text": "Mowing", "quantity": "2 h", "amount_minor": 15000}],
        "book_saved": [{"key": "a/5/0", "customer": "book:c", "at": AT}],
    },
    "0004": {
        "help_rating": [{"key": "a/6/1", "topic": "card-safety", "helped": True, "at": AT}],
        "help_gap": [{"key": "a/7/1", "text": "do you mow on sundays?", "language": "en", "at": AT}],
    },
    "0005": {
        "delivery": [{"chat": "telegram:vvv", "sent": 7, "leased_until": 0, "due_at": AT, "attempts": 1, "gone_at": None}],
        "telegram_update": [
            {"update_id": 1001, "chat": "telegram:vvv", "message": 101, "text": "hello", "locale": "en", "at": AT, "done_at": None},
        ],
    },
    "0006": {
        "hop": [
            {"token_hash": "9" * 64, "chat": "web:1", "keys": 0, "channel": "telegram", "made_at": AT, "expires_at": AT,
             "used_at": AT, "used_in": "telegram:7", "used_by": "update 1"},
        ],
    },
    "0007": {
        "agent": [
            {"id": 1, "email": "maria@example.test", "name": "Maria", "role": "agent", "password": "$argon2id$...", "made_at": AT,
             "disabled_at": None, "wrong": 0, "locked_until": 0},
        ],
        "desk_session": [{"token_hash": "8" * 64, "agent": 1, "made_at": AT, "seen_at": AT, "expires_at": AT}],
        "handoff": [
            {"id": 1, "chat": "web:1", "state": "held", "reason": "asked", "asked_at": AT, "agent": 1, "taken_at": AT,
             "resolved_at": None, "brief": "", "waits_since": None, "stars": None, "changed_at": AT},
        ],
        "errand": [{"id": 1, "chat": "web:1", "key": "1:a", "body": "{}", "at": AT, "done_at": None}],
        "transcript": [{"chat": "web:1", "seq": 1, "sender": "customer", "name": "", "text": "hello", "at": AT}],
        "proposal": [
            {"id": 1, "chat": "web:1", "handoff": 1, "agent": 1, "invoices": "[]", "numbers": "[]", "amount_minor": 12000,
             "currency": "USD", "reason": "half now", "state": "offered", "payment": None, "made_at": AT, "changed_at": AT},
        ],
        "desk_note": [{"id": 1, "chat": "web:1", "agent": 1, "text": "called", "at": AT}],
        "canned": [{"id": 1, "title": "Hours", "text": "We are open", "changed_by": 1, "changed_at": AT}],
        "audit": [{"id": 1, "at": AT, "agent": 1, "what": "took", "chat": "web:1", "payment": "", "detail": ""}],
    },
    "0008": {
        "chatwoot_conversation": [{"chat": "chatwoot:1/7", "person": True, "quiet": True, "at": AT}],
    },
    "0009": {  # its other table has one row from the beginning
        "agreement": [{
            "number": 1, "subject": "autopay:1", "act": "agreed", "at": AT, "customer": "dana", "chat": "web:1",
            "message": "m9", "language": "en", "wording": "0" * 64, "words": "Yes?", "digest": "d", "terms": "{}",
            "amount_minor": 12250, "fee_minor": 250, "currency": "USD", "method": "card", "brand": "visa",
            "last4": "4242", "previous": "", "before": "1" * 64, "hash": "2" * 64,
        }],
    },
    "0010": {
        "letter": [
            {"id": 1, "key": f"receipt:{PAID}", "kind": "receipt", "customer": "book:c", "about": '{"payment":"RM-1A11-1A11"}',
             "state": "sent", "due_at": AT, "until_at": AT + 10**9, "lease_until": 0, "fence": 1, "attempts": 1, "doubts": 1,
             "message_id": "6" * 40, "address_hash": "7" * 64, "dated_at": AT, "sent_at": AT, "code": "", "changed_at": AT},
        ],
        "mail_refusal": [{"address_hash": "7" * 64, "at": AT, "code": "5.1.1"}],
    },
    "0011": {
        "receipt_link": [{"token_hash": "a" * 64, "payment": PAID, "made_at": AT}],
    },
    "0012": {
        "autopay": [
            {"id": 1, "customer": "book:c", "state": "on", "saved": "pm_1", "method": "card", "brand": "visa", "last4": "4242",
             "limit_minor": 20000, "currency": "USD", "days": 3, "chat": "web:1", "agreed_at": AT, "changed_at": AT, "why": ""},
        ],
        "autopay_event": [
            {"key": "a/8/0", "enrolment": 1, "at": AT, "what": "agree", "chat": "web:1", "message": "m-9",
             "terms": b'{"saved":"pm_1","method":"card","brand":"visa","last4":"4242","limit":{"minor":20000,"currency":"USD"},"days":3}'},
        ],
        "autopay_run": [{"id": 1, "at": AT, "asked_by": ""}],
        "autopay_charge": [
            {"id": 1, "invoice": INVOICE, "cycle": "2026-03-20", "enrolment": 1, "customer": "book:c", "number": "INV-7",
             "state": "planned", "amount_minor": 12000, "currency": "USD", "due_at": AT, "told_at": AT, "presentments": 0,
             "tries": 0, "first_at": None, "payment": None, "seen": 0, "why": "", "changed_at": AT},
        ],
        "autopay_line": [
            {"id": 1, "run": 1, "customer": "book:c", "invoice": INVOICE, "number": "INV-7", "did": "told", "why": "",
             "amount_minor": 12000, "currency": "USD", "payment": "", "at": AT},
        ],
        "autopay_notice": [
            {"id": 1, "key": "autopay:planned:1", "customer": "book:c", "chat": "web:1", "at": AT, "told_at": None,
             "body": b'{"kind":"planned","number":"INV-7"}'},
        ],
    },
    "0013": {
        "reminder": [
            {"id": 1, "invoice": INVOICE, "stage": "overdue-3", "due": "2026-03-01", "customer": "book:c",
             "letter": "reminder:book:c:2026-03-04", "at": AT},
        ],
    },
    "0014": {
        "api_key": [
            {"id": 1, "name": "Booking", "token_hash": "a" * 64, "scopes": '["proposals:write"]', "made_at": AT, "revoked_at": None,
             "last_used_at": AT},
        ],
    },
    "0015": {},
    "0016": {},
    "0017": {
        "import_mapping": [{"signature": "0123456789ab", "headings": '["Beleg"]', "fields": '{"beleg":"number"}', "at": AT}],
    },
}  # fmt: skip  # as above

ADDED: dict[str, dict[str, dict[str, Any]]] = {
    "0002": {
        "payment": {"refunded_minor": 0, "happened_at": None, "unmoved": 0, "ruling": None},
        "handoff_case": {"evidence": ""},
    },
    "0003": {
        "payment": {
            "customer": None, "saved": "", "vault": "", "declines": 0, "submitted_at": None, "cleared_at": None,
        },
        "handoff_case": {"customer": None, "words": "", "answer": "", "told_at": None},
        "book_customer": {
            "street": "", "city": "", "region": "", "phone": "", "language": "", "receipts": True, "reminders": True,
            "own_fields": "",
        },
    },
    "0004": {},
    "0006": {},
    "0007": {},
    "0008": {},
    "0009": {},
    "0010": {},
    "0011": {},
    "0012": {
        "payment": {"enrolment": None},
        "pause": {"autopay": False},
        "consent": {"standing": None},
    },
    "0013": {},
    "0014": {"proposal": {"api_key": None, "request_key": None, "request_hash": None}, "delivery": {"changed_at": None}},
    "0015": {"book_customer": {"fee_exempt": False}},
    "0016": {
        "payment": {"page_seen_at": None},
        "pay_link": {"sent_at": None, "opened_at": None, "begun_at": None, "chosen_at": None},
    },
    "0017": {},
}  # fmt: skip  # as above
