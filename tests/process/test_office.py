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


def test_the_report_is_a_page_and_sheets_in_a_folder_of_whoever_asks(fresh_demo, tmp_path):
    demo = fresh_demo
    reference, customer = paid(demo, "INV-1042")
    customer.__exit__(None, None, None)
    folder = tmp_path / "of the owner"
    answer = demo.marked.run("report", "--out", str(folder))
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "report.html" in answer.stdout
    assert "$120.00 came in" in (folder / "report.html").read_text()
    assert ",12000,120.00,0\n" in (folder / "money-in.csv").read_text()
    assert reference not in (folder / "report.html").read_text()  # sums, and nobody's payment

    _, found = asked(demo, "report")
    assert sum(each["amount"]["minor"] for each in found["came"]) == 12000
    assert demo.marked.run("report", "--from", "2026-02-30").returncode == 2
    wrong = demo.marked.run("report", "--from", "2026-03-02", "--to", "2026-03-01")
    assert (wrong.returncode, wrong.stderr.count("the first one first")) == (2, 1)
    file = tmp_path / "a file"
    file.touch()
    assert demo.marked.run("report", "--out", str(file)).stderr.count("cannot be written") == 1


def test_people_of_the_desk_are_added_listed_and_let_in_no_more(fresh_demo):
    run = fresh_demo.marked.run
    made = run("agents", "add", "maria@example.test", "--name", "Maria")
    assert made.returncode == 0, made.stderr
    assert "maria@example.test (agent) may sign in at /desk." in made.stdout
    assert "It is shown once." in made.stdout
    again = run("agents", "add", "Maria@Example.test", "--name", "Other")
    assert (again.returncode, again.stderr.count("already")) == (2, 1)
    told = run("agents", "password", "maria@example.test", "--password-stdin", typed="correct horse battery\n")
    assert told.returncode == 0
    assert "correct horse" not in told.stdout
    assert run("agents", "password", "maria@example.test", "--password-stdin", typed="short\n").returncode == 2
    _, people = asked(fresh_demo, "agents", "list")
    assert {"email": "maria@example.test", "name": "Maria", "role": "agent", "disabled": False} in people
    assert run("agents", "disable", "maria@example.test").stdout == "maria@example.test (agent) signs in no more.\n"
    assert "disabled" in run("agents", "list").stdout
    assert run("agents", "disable", "nobody@example.test").returncode == 2
