"""When questions are kept away from a provider, and which one finds it working again."""

from contextlib import ExitStack

from services.breaker import Breaker


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def may(breaker: Breaker) -> bool:
    with breaker.asked() as allowed:
        return allowed


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock=clock)
    for _ in range(3):
        breaker.failed()
    return breaker


def test_two_failures_keep_nobody_away() -> None:
    breaker = Breaker()
    breaker.failed()
    breaker.failed()
    assert may(breaker)


def test_a_success_between_failures_forgets_them() -> None:
    breaker = Breaker()
    for told in (breaker.failed, breaker.failed, breaker.worked, breaker.failed, breaker.failed):
        told()
    assert may(breaker)


def test_three_failures_in_a_row_keep_questions_away_for_15_seconds() -> None:
    clock = Clock()
    breaker = opened(clock)
    assert not may(breaker)
    clock.now = 14.9
    assert not may(breaker)
    clock.now = 15
    assert may(breaker)


def test_one_question_probes_and_the_others_go_elsewhere() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 15
    with breaker.asked() as first, breaker.asked() as second:
        assert (first, second) == (True, False)
        assert breaker.open


def test_a_probe_that_left_without_an_answer_lets_another_probe() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 15
    assert may(breaker)
    assert may(breaker)


def test_a_probe_that_fails_keeps_questions_away_for_another_15_seconds() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 20
    with breaker.asked():
        breaker.failed()
    clock.now = 34
    assert not may(breaker)


def test_a_probe_that_begins_to_answer_lets_everybody_in() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 15
    with ExitStack() as stack:
        stack.enter_context(breaker.asked())
        breaker.began()
        assert may(breaker)


def test_a_probe_whose_answer_breaks_off_opens_it_again() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 15
    with breaker.asked():
        breaker.began()
        breaker.failed()
    assert not may(breaker)


def test_a_probe_that_worked_forgets_all_failures() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 15
    with breaker.asked():
        breaker.began()
        breaker.worked()
    breaker.failed()
    assert may(breaker)
