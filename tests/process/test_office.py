"""What a business does about its payments from the command line, beside a running server."""

import json

from running import Demo, Marked


def paid(demo: Demo, number: str) -> tuple[str, "object"]:
    """Somebody pays this invoice; answers the payment's reference, and who paid."""
    customer = demo.at_the_quote(number)
    customer.press(next(title for title in customer.buttons if title.startswith("Yes, pay")))
    customer.pay_by_card(customer.page())
    customer.hears("Your reference is")
    (reference,) = customer.references
    return reference, customer


def asked(demo: Demo, *command: str) -> tuple[int, object]:
    answer = demo.marked.run(*command, "--json")
    return answer.returncode, json.loads(answer.stdout) if answer.returncode == 0 else answer.stderr


def test_a_payment_is_listed_and_refunded_in_parts_and_the_customer_hears_of_it(fresh_demo):
    demo = fresh_demo
    reference, customer = paid(demo, "INV-1042")
    with customer:
        _, (listed,) = asked(demo, "payments")
        assert (listed["reference"], listed["state"], listed["amount_minor"]) == (reference, "succeeded", 12000)
        assert (listed["currency"], listed["invoices"], listed["refunded_minor"]) == ("USD", ["INV-1042"], 0)

        _, made = asked(demo, "refund", reference, "20.00", "--why", "wants it on 4242 4242 4242 4242 instead")
        assert made["why"] == "wants it on [card number removed] instead"
        assert (made["state"], made["amount"]) == ("done", {"minor": 2000, "currency": "USD"})
        customer.hears("$20.00 of your payment of $120.00 for invoice INV-1042 has been refunded.")
        assert demo.marked.run("refund", reference, "20").stderr.count("a moment ago") == 1
        assert demo.marked.run("refund", reference, "100.01").stderr.count("more than is left") == 1
        assert demo.marked.run("refund", reference, "20.005").stderr.count("2 decimals") == 1
        assert demo.marked.run("refund", "RM-AAAA-AAAA", "1").returncode == 2
        assert demo.marked.run("settle", reference, "failed", "--why", "so I heard").stderr.count("in doubt") == 1

        assert demo.marked.run("refund", reference, "all").returncode == 0
        customer.hears("has been refunded in full")
        assert customer.due("INV-1042") == 12000
        _, (listed,) = asked(demo, "payments", reference)
        assert (listed["state"], listed["refunded_minor"]) == ("refunded", 12000)


def test_a_pause_stops_the_next_payment_at_once_and_resume_lets_it_go_on(fresh_demo):
    demo = fresh_demo
    with demo.at_the_quote("INV-1042") as customer:
        assert demo.marked.run("pause", "--why", "moving house").stdout == "No new payments are taken, from now on.\n"
        yes = next(title for title in customer.buttons if title.startswith("Yes, pay"))
        assert "paused" in customer.press(yes)
        assert customer.taken("INV-1042") == []
        assert asked(demo, "resume") == (0, {"paused": False, "changed": True})
        customer.press("Try again")
        assert "secure page is ready" in customer.press(yes)


def test_a_payment_that_nobody_began_here_becomes_a_case_that_a_person_closes(fresh_demo):
    demo = fresh_demo
    with demo.customer() as customer:
        customer.control("foreign", amount_minor=700, currency="USD")
        customer.control("clock", advance_s=1)
    code, report = asked(demo, "compare")
    assert (code, len(report["unknown"]), report["forgotten"]) == (0, 1, [])
    _, (case,) = asked(demo, "cases")
    assert case["reason"] == "unknown_payment"
    assert json.loads(case["evidence"])[0]["amount"] == {"minor": 700, "currency": "USD"}
    assert asked(demo, "cases", "--close", str(case["id"])) == (0, [])
    assert demo.marked.run("cases", "--close", str(case["id"])).returncode == 2


def test_a_command_without_a_server_says_what_to_start(tmp_path):
    answer = Marked(tmp_path).run("payments")
    assert (answer.returncode, "start `remit serve`" in answer.stderr) == (2, True)
