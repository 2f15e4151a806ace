"""First come, first served."""

from __future__ import annotations

import threading
import time

import pytest

from playground.models.turns import Turns


def test_the_lock_is_handed_on_in_the_order_it_was_asked_for() -> None:
    turns, order = Turns(), []
    threads = []

    def work(i: int) -> None:
        with turns:
            order.append(i)

    with turns:
        for i in range(8):
            thread = threading.Thread(target=work, args=(i,))
            thread.start()
            threads.append(thread)
            while len(turns._waiting) <= i:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def test_only_one_is_inside_and_an_error_lets_the_next_in() -> None:
    turns, inside, most = Turns(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with turns:
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    with pytest.raises(KeyError), turns:
        raise KeyError
    with turns:
        pass


@pytest.mark.parametrize("granted", [False, True])
def test_whoever_is_interrupted_while_waiting_blocks_nobody(
    granted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Turns()
    turns.__enter__()

    def interrupted(event: threading.Event, timeout: float | None = None) -> bool:
        if granted:
            turns._hand_on()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            turns.__enter__()
    if not granted:
        turns._hand_on()
    with turns:
        pass
