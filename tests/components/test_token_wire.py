"""What the token picture sends to the browser, and how it reads what comes back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from components.tokens import Fork, Selection, read_fork, read_selection
from components.tokens.view import branch_view, strip_view
from components.tokens.wire import alternatives_sent, encode
from playground.events import Alternative, NodeOpened
from playground.quadrants import QUADRANTS
from playground.trace import fold
from tests.components.token_traces import (
    HOSTILE,
    IN_QUADRANT,
    RTL,
    all_quadrants,
    branch,
    forked,
    growing,
    long,
    odd_texts,
    recorded,
    start,
    text_only,
    three_branches,
    token,
)


def numbers(column: str) -> list[int | None]:
    return [int(part) if part else None for part in column.split(",")]


def column(data: dict[str, Any], name: str, at: int = 0) -> list[int | None]:
    return numbers(data["rows"][at][name])


def test_columns_carry_the_tokens_numbers() -> None:
    data = encode(branch_view(fold(three_branches())))
    assert [data["texts"][t] for t in column(data, "t")] == ["So", " it", " is", " 3", "."]
    assert column(data, "l")[0] == round(-math.log(0.3) * 1e4)
    assert column(data, "h")[2] == 600
    assert column(data, "m")[2] == 4_000_000
    assert data["rows"][0]["f"] == "20000"
    assert data["rows"][0]["span"] == [3, 4]
    assert (data["rows"][0]["d"], data["rows"][0]["sd"]) == (0.9, 0.5)
    assert data["groups"][0][:3] == ["A", data["groups"][0][1], "3"]


def test_alternatives_come_with_five_digits_and_the_written_one_is_named() -> None:
    data = encode(branch_view(fold(three_branches())))
    moment = numbers(data["moments"][column(data, "k")[2] or 0])
    assert [data["texts"][t or 0] for t in moment[::2]] == [" is"] + [f" other{n}" for n in range(9)]
    assert moment[1::2][:3] == [60000, 20000, 10000]
    assert column(data, "c") == [0] * 5


def test_quadrants_are_sent_where_varentropy_is_known() -> None:
    data = encode(branch_view(fold(all_quadrants())))
    assert column(data, "v") == [20, 50, 9000, 12000, 1000, None]
    assert data["rows"][0]["r"] == "01234-"
    assert [QUADRANTS[int(digit)] for digit in "01234"] == list(IN_QUADRANT)
    unknown = encode(branch_view(fold(three_branches())))
    assert not {"v", "r"} & set(unknown["rows"][0])


def test_quadrants_are_those_of_the_runs_own_thresholds() -> None:
    data = encode(branch_view(fold(all_quadrants(medium_entropy=4.5, high_varentropy=10))))
    assert data["rows"][0]["r"] == "04434-"


def test_a_varentropy_that_is_no_number_has_no_quadrant() -> None:
    odd = [token("q/x", i, "a", 0.5, varentropy=v) for i, v in enumerate((math.nan, math.inf, 0.0))]
    odd.append(token("q/x", 3, "b", 0.5, varentropy=1.0, entropy=None))
    data = encode(strip_view([fold([*start(), NodeOpened("q/x", "q", "branch"), *odd]).nodes["q/x"]]))
    assert data["rows"][0]["r"] == "--4-"
    assert column(data, "v") == [None, None, 0, 1000]


def test_equal_distributions_are_sent_once() -> None:
    data = encode(branch_view(fold(three_branches())))
    assert column(data, "k", 0)[0] == column(data, "k", 1)[0]
    assert len(set(data["moments"])) == len(data["moments"])


def test_a_token_outside_its_alternatives_and_one_that_is_not_the_arg_max() -> None:
    alternatives = (Alternative(1, "a", math.log(0.6)), Alternative(2, "b", math.log(0.3)))
    outside = token("q/x", 9, "z", 0.01, alternatives=alternatives, chosen="forced")
    second = token(
        "q/x", 2, "b", 0.3, alternatives=alternatives, chosen="sampled", sampling_logprob=math.log(0.25)
    )
    data = encode(
        strip_view([fold([*start(), NodeOpened("q/x", "q", "branch"), outside, second]).nodes["q/x"]])
    )
    assert column(data, "c") == [-1, 1]
    assert data["rows"][0]["f"] == "35"
    assert column(data, "q") == [None, 25000]


def test_tokens_without_text_are_named_by_id_and_odd_numbers_left_empty() -> None:
    alternatives = (Alternative(258, "", -math.inf), Alternative(3, "c", math.nan))
    odd = token("q/x", 1, "a", 0.5, alternatives=alternatives, logprob=-math.inf, entropy=math.nan)
    data = encode(strip_view([fold([*start(), NodeOpened("q/x", "q", "branch"), odd, odd]).nodes["q/x"]]))
    assert 258 in data["texts"]
    assert numbers(data["moments"][0])[1::2] == [0, None]
    assert column(data, "l") == [None, None]
    assert column(data, "h") == [None, None]


def test_text_only_replies_keep_their_text_and_where_the_answer_stands() -> None:
    data = encode(branch_view(fold(text_only())))
    assert data["rows"][0]["x"] == ["It is ", "12", "."]
    assert data["rows"][0]["t"] == ""
    assert [g[2] for g in data["groups"]] == ["12", "13"]


def test_an_empty_run_draws_nothing() -> None:
    assert encode(branch_view(fold(start())))["rows"] == []
    assert encode(strip_view([]))["texts"] == []


def test_sizes() -> None:
    """Ten branches of a hundred tokens with ten alternatives each stay under 150 KB."""
    shown = branch_view(fold(long(10, 100)))
    assert alternatives_sent(shown) == 10
    assert len(json.dumps(encode(shown))) < 150_000
    while_running = branch_view(fold(growing(250, 10)))
    assert alternatives_sent(while_running) == 0
    assert len(json.dumps(encode(while_running))) < 150_000
    assert alternatives_sent(branch_view(fold(long(10, 250)))) == 10


def test_a_fork_still_writing_in_a_long_view_is_sent_without_alternatives() -> None:
    trace = recorded("main", long(10, 250))
    source = trace.nodes["q/grow-0"]
    writing, done = (forked("f", source, 3, 1, more) for more in (2, 5))
    for run, sent in ((writing, 0), (done, 10)):
        view = branch_view(trace, forks=[Fork(run, run.nodes["q/fork"], "main:q/grow-0", 3)])
        assert alternatives_sent(view) == sent


def test_a_fork_names_the_row_it_left_and_the_place() -> None:
    trace = recorded("main", three_branches())
    run = forked("f", trace.nodes["q/b"], 3, 1)
    forks = [Fork(run, run.nodes["q/fork"], "main:q/b", 3), Fork(run, run.nodes["q/fork"], "main:gone", 3)]
    data = encode(branch_view(trace, forks=forks))
    assert [(row["id"], row["n"]) for row in data["rows"][2:4]] == [("main:q/c", "3"), ("f:q/fork", "F1")]
    assert data["rows"][3]["fork"] == ["2", 3]
    assert data["rows"][4]["fork"] == [None, 3]
    assert "chosen" not in data["rows"][3]
    assert data["total"] == 3


def test_hostile_text_stays_data() -> None:
    data = encode(branch_view(fold(odd_texts())))
    assert HOSTILE in data["texts"]
    assert RTL in data["texts"]
    assert data["rows"][0]["a"] == HOSTILE
    assert json.loads(json.dumps(data)) == data


def test_a_lone_surrogate_passes_through() -> None:
    view = strip_view([fold([*start(), *branch("a", [(1, "\ud800", 0.9)])]).nodes["q/a"]])
    assert json.dumps(encode(view)).count("\\ud800") == 1


# -------------------------------------------------------------------------------------------- selection


def test_what_the_browser_sends_is_read_with_care() -> None:
    view = branch_view(recorded("main", three_branches()))
    good = {"row": "main:q/a", "index": 2}
    assert read_selection(good, view) == Selection("main", "q/a", 2)
    assert read_selection(good | {"alternative": 9}, view) == Selection("main", "q/a", 2, 9)
    bad: list[Any] = [
        None,
        3,
        [],
        {},
        good | {"row": "other:q/a"},
        good | {"row": []},
        good | {"index": 5},
        good | {"index": -1},
        good | {"index": True},
        good | {"index": "2"},
        good | {"alternative": 10},
    ]
    assert [read_selection(value, view) for value in bad] == [None] * len(bad)


def test_a_fork_needs_an_alternative_that_was_not_written() -> None:
    view = branch_view(recorded("main", three_branches()))
    good = {"row": "main:q/b", "index": 2, "alternative": 3}
    assert read_fork(good, view) == Selection("main", "q/b", 2, 3)
    bad: list[Any] = [
        None,
        good | {"alternative": None},
        good | {"alternative": 0},
        good | {"alternative": 10},
    ]
    assert [read_fork(value, view) for value in bad] == [None] * len(bad)


def test_a_row_of_a_fork_is_told_from_the_row_it_left() -> None:
    trace = recorded("main", three_branches())
    twin = replace(trace, run_id="fork")
    view = branch_view(trace, forks=[Fork(twin, twin.nodes["q/a"], "main:q/a", 1)])
    assert read_selection({"row": "fork:q/a", "index": 0}, view) == Selection("fork", "q/a", 0)
