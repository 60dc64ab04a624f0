"""Attackers of every strategy that Hypothesis thinks of, against an owner who signs in now and then.

Whatever they do, in whatever order, with restarts in between, at most ten guesses at one address are compared with anything
between two sign-ins of its owner. Each is right with a chance of 10**-6, so one of them is with at most 10**-5.
"""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.database import inline, open_engine, upgrade
from services.model import Bearer, Stranger
from services.sign_in import Good, Locked, Sent, Wrong
from tests.identity.house import DANA, DANAS, NOBODYS, ROYS, House, wrong

TEN = 10  # said here again, so that nobody raises it by the way
ADDRESSES = st.sampled_from([DANAS, DANAS.upper(), ROYS, NOBODYS])
PLACES = st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["", "192.0.2.1", "192.0.2.2", "2001:db8::1"]))
PURPOSES = st.sampled_from(["sign_in", "sign_in", "old_address", "new_address"])


def now(waiting):
    """What a coroutine answers that never waits: transactions here run in line."""
    try:
        waiting.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


class Attack(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.engine = open_engine("sqlite://")
        upgrade(self.engine)
        self.house = House(self.engine, inline(self.engine))
        self.compared = Counter()  # guesses at each address since its owner last signed in
        self.owners = Counter()

    def teardown(self):
        self.engine.dispose()

    @rule(email=ADDRESSES, place=PLACES, purpose=PURPOSES)
    def asks_for_a_code(self, email, place, purpose):
        chat, client = place
        now(self.house.ask(email, chat, client=client, purpose=purpose, scope=self._scope(purpose)))

    @rule(email=ADDRESSES, place=PLACES, purpose=PURPOSES, first=st.integers(1, 999_999), times=st.integers(1, 15))
    def guesses(self, email, place, purpose, first, times):
        """Never right, so that the count goes on: to be right is what the count makes unlikely."""
        chat, client = place
        sent = self.house.mailed[-1].digits if self.house.mailed else "000000"
        for nth in range(first, first + times):
            told = wrong(sent, nth)
            if any(code.digits == told for code in self.house.mailed):
                continue  # it would be right
            scope = self._scope(purpose)
            answer = now(self.house.enter(told, email, chat, client=client, purpose=purpose, scope=scope))
            assert answer in {Wrong(), Locked()}
            nobody = purpose == "old_address" and email.lower() != DANAS  # not hers to prove: compared with nothing
            if answer == Wrong() and not nobody:
                self.compared[email.lower()] += 1

    @rule(email=ADDRESSES)
    def guesses_by_a_held_link(self, email):
        answer = now(self.house.enter("000000", "", "b", client="", scope=Bearer("portal:INV-1042", "link")))
        if answer == Wrong():
            self.compared[DANAS] += 1

    @rule(email=st.sampled_from([DANAS, ROYS]), typos=st.integers(0, 3))
    def the_owner_signs_in(self, email, typos):
        before = len(self.house.mailed)
        chat = f"owner {before} {self.house.at}"
        if now(self.house.ask(email, chat, client="198.51.100.1")) != Sent():
            return
        assert len(self.house.mailed) == before + 1
        code = self.house.mailed[-1].digits
        for nth in range(typos):
            answer = now(self.house.enter(wrong(code, nth + 1), email, chat, client="198.51.100.1"))
            self.compared[email] += answer == Wrong()
        answer = now(self.house.enter(code, email, chat, client="198.51.100.1"))
        full = self.compared[email] >= TEN
        if isinstance(answer, Good):
            assert not full, "ten wrong ones lock even the right one out"
            self.compared[email] = 0
            self.owners[email] += 1
        else:
            assert answer == Locked()

    @rule(email=ADDRESSES)
    def a_person_unlocks(self, email):
        now(self.house.sign_in.unlock(email))
        self.compared[email.lower()] = 0

    @rule(minutes=st.sampled_from([1, 11, 61, 60 * 25, 60 * 24 * 40]))
    def time_passes(self, minutes):
        self.house.passes(minutes=minutes)

    @rule()
    def it_starts_again(self):
        self.house.again()

    @invariant()
    def at_most_ten_guesses_were_compared(self):
        assert all(count <= TEN for count in self.compared.values()), self.compared

    def _scope(self, purpose):
        """Somebody who is let in as Dana by the page, and tries addresses from within."""
        return Stranger() if purpose == "sign_in" else self.house.visitors.scope(DANA, "a", "page", self.house.at)


Attack.TestCase.settings = settings(max_examples=25, stateful_step_count=40, deadline=None, derandomize=True)
TestAttack = Attack.TestCase
