"""Tree searches against models whose every reply is known, and hand-computed results."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Generator, Mapping, Sequence

import pytest

from playground.errors import BadInput, CapabilityError
from playground.events import CallStarted, Event, Searched, Spent, TextAdded, TextEnded, Usage
from playground.models.base import Capabilities, Completion, Prompts, each
from playground.prompts import render_plain, texts
from playground.puzzles import game24
from playground.sampling import Sampling
from playground.strategies import Question
from playground.strategies.compute_optimal import bin_of
from playground.strategies.mcts import State, select, uct
from playground.strategies.rebase import allocation
from playground.strategies.stepping import Line, sentences
from playground.strategies.thoughts import opinion
from playground.trace import Trace, fold
from tests.strategies.players import Rewards, Tokens, events, play

GAME = Question("Make 24 from 4, 6, 10 and 4, each used once.", family="game_of_24")


class Answering:
    """A chat model that says what a function of the prompt and the node says."""

    name = "answering"
    versions: Mapping[str, str] = {}
    capabilities = Capabilities(streaming=True)

    def __init__(self, say: Callable[[str, str], str]) -> None:
        self.say = say
        self.calls: list[list[str]] = []

    def sample(
        self,
        prompt: Prompts,
        nodes: Sequence[str],
        sampling: Sampling,
        *,
        node: str,
        purpose: str,
        max_new_tokens: int,
        seed: int,
        stop: Sequence[str] = (),
        json_mode: bool = False,
    ) -> Generator[Event, None, list[Completion]]:
        asked = [render_plain(own) for own in each(prompt, nodes)]
        self.calls.append(asked)
        done = []
        for own, text in zip(nodes, asked, strict=True):
            yield CallStarted(own, purpose, text)
            reply = self.say(text, own)
            yield TextAdded(own, reply)
            yield TextEnded(own, "stop text" if stop else "stop")
            yield Spent(node, Usage(calls=1, completion_tokens=1))
            done.append(Completion(own, reply, (), "stop text" if stop else "stop"))
        return done


def state_of(prompt: str) -> tuple[int, ...]:
    """The numbers that are left in a game, as a prompt shows it."""
    left = re.findall(r"\(left: ([\d ]+)\)", prompt)
    return tuple(map(int, left[-1].split())) if left else tuple(sorted(game24.numbers_of(GAME.text)))


def moves_of(prompt: str) -> list[game24.Move]:
    """The moves a prompt shows, replayed."""
    now, found = tuple(sorted(game24.numbers_of(GAME.text))), []
    for text in re.findall(r"^(\d+ . \d+ = \d+ \(left.*)$", prompt, re.MULTILINE):
        found.append(next(m for m in game24.moves(now) if m.text == text))
        now = found[-1].left
    return found


def player(prompt: str, node: str) -> str:
    """Proposes every move, and judges exactly."""
    now = state_of(prompt)
    if texts.VALUE in prompt:
        hope = game24.reachable(now)
        return "looking ahead: " + ("impossible" if not hope else "likely" if len(now) > 2 else "sure")
    if len(now) == 1:
        return f"So the answer is {game24.expression(moves_of(prompt), game24.numbers_of(GAME.text))}."
    return "\n".join(move.text for move in game24.moves(now))


class TestTreeOfThoughts:
    def test_breadth_first_finds_the_answer_by_the_states_worth(self) -> None:
        model = Answering(player)
        trace = play("tree-of-thoughts", model, GAME, breadth=3, thoughts=20, max_new_tokens=60)
        assert trace.answered is not None
        assert trace.answered.text is not None
        assert game24.right(GAME.text, trace.answered.text)
        assert trace.answered.confidence == 1.0
        first = [n for n in trace.with_role("thought") if n.parent == "q"]
        assert len(first) == min(20, len(game24.moves((4, 4, 6, 10))))
        for node in first:
            hope = game24.reachable(state_of(node.content))
            assert node.scores["value"].value == pytest.approx(3 * (1.0 if hope else 0.001))
        assert [n.status for n in first].count("kept") == 3
        pruned = [n for n in first if n.status == "pruned"]
        assert pruned
        assert all("not among the best 3" in n.reason for n in pruned)

    def test_siblings_and_their_opinions_are_asked_for_together(self) -> None:
        model = Answering(player)
        play("tree-of-thoughts", model, GAME, breadth=2, thoughts=4)
        # A call proposes for the whole depth, the next judges all it proposed, three opinions each.
        assert [len(call) for call in model.calls[:4]] == [1, 12, 2, 24]

    def test_depth_first_comes_back_from_a_dead_end(self) -> None:
        dead = next(i for i, m in enumerate(game24.moves((4, 4, 6, 10)), 1) if not game24.reachable(m.left))

        def misled(prompt: str, node: str) -> str:
            # One first step looks best at a glance; below it nothing can be reached.
            if texts.VALUE in prompt and node.startswith(f"q/{dead}/value"):
                return "sure"
            return player(prompt, node)

        trace = play("tree-of-thoughts", Answering(misled), GAME, search="DFS", thoughts=20)
        assert trace.answered is not None
        assert trace.answered.text is not None
        assert game24.right(GAME.text, trace.answered.text)
        below = [n for n in trace.with_role("thought") if n.parent == f"q/{dead}"]
        assert below
        assert all(n.status == "pruned" and "below 1" in n.reason for n in below)

    def test_votes_name_the_state_that_goes_on(self) -> None:
        def voting(prompt: str, node: str) -> str:
            if texts.VOTE in prompt:
                return "I would take 2." if node.endswith(("-1", "-2")) else "none of them"
            return player(prompt, node)

        trace = play(
            "tree-of-thoughts", Answering(voting), GAME, evaluate="vote", breadth=1, thoughts=3, max_steps=1
        )
        scores = [n.scores["votes"].value for n in trace.with_role("thought") if "votes" in n.scores]
        assert scores == [0, 2, 0]
        assert [n.status for n in trace.with_role("vote")] == ["kept", "kept", "failed"]

    @pytest.mark.parametrize(
        ("said", "worth"),
        [
            ("sure", 20),
            ("Likely.", 1),
            ("4 + 4 = 8: **impossible**", 0.001),
            ("not sure, likely", 1),
            ("?", 1),
        ],
    )
    def test_opinions(self, said: str, worth: float) -> None:
        assert opinion(said) == worth


class TestMcts:
    def test_uct_by_hand(self) -> None:
        assert uct(0.5, 4, 16, 1.4) == pytest.approx(0.5 + 1.4 * math.sqrt(math.log(16) / 4))
        assert uct(0.0, 0, 16, 1.4) == math.inf
        assert uct(0.7, 3, 9, 0.0) == 0.7

    def test_selection_goes_all_the_way_down(self) -> None:
        """Two children of the root; below the better one the less tried grandchild has the larger UCT."""
        root = State(Line("r"), visits=10, total=6.0)
        poor = State(Line("a"), root, visits=3, total=0.6)
        good = State(Line("b"), root, visits=7, total=5.4)
        tried = State(Line("b1"), good, visits=5, total=4.0)
        rare = State(Line("b2"), good, visits=1, total=0.7)
        root.children, good.children = [poor, good], [tried, rare]
        # b: .771 + 1·√(ln 10 / 7) = 1.345 > a: .2 + √(ln 10 / 3) = 1.076; b2: .7 + √(ln 7) = 2.095 > b1: 1.424.
        assert select(root, 1.0) is rare
        # Without exploration only the mean counts: b, then b1 (.8 against .7).
        assert select(root, 0.0) is tried
        rare.visits = 0
        assert select(root, 0.0) is rare  # what was never visited comes first, whatever c is

    def test_phases_visits_and_values(self) -> None:
        """Two ways to begin; answers under the second are right. The backed-up values are counted by hand."""

        def say(prompt: str, node: str) -> str:
            if texts.GO_ON in prompt:
                return "So the answer is 7." if "Second" in prompt else "So the answer is 5."
            if "Second" in prompt or "First" in prompt:
                return "Go on."
            return "First way." if node.endswith("/1") else "Second way."

        question = Question("Which?", gold="7")
        trace = play(
            "mcts", Answering(say), question, iterations=6, children=2, scorer="checker", stop_when_right=False,
            exploration=1.0,
        )  # fmt: skip
        assert trace.status == "waiting"
        assert trace.answered is not None
        assert trace.answered.text == "7"
        root, first, second = trace.nodes["q"], trace.nodes["q/1"], trace.nodes["q/2"]
        assert root.visits == 6 == first.visits + second.visits
        assert (first.value, second.value) == (0.0, 1.0)
        # Rounds 1, 2: each child once. 3: q/2 (1 + √ln2 against √ln2). 4: 1 + √(ln3/2) = 1.741 > √ln3 = 1.048.
        # 5: 1 + √(ln4/3) > √ln4 = 1.177. 6: 1 + √(ln5/4) = 1.634 > √ln5 = 1.269.
        assert (first.visits, second.visits) == (1, 5)
        assert root.total == 5.0

    def test_every_round_tells_its_phases_in_order(self) -> None:
        question = Question("Which?", gold="7")
        model = Answering(
            lambda prompt, node: "So the answer is 7." if texts.GO_ON in prompt else f"Step {node}."
        )
        told = [
            e
            for e in events(
                "mcts", model, question, iterations=3, children=2, scorer="checker", stop_when_right=False
            )
            if isinstance(e, Searched)
        ]
        phases = [[e.phase for e in told if e.round == r] for r in (1, 2, 3)]
        assert phases[0] == ["select", "expand", "simulate", "back up"]
        assert phases[1] == [
            "select",
            "simulate",
            "back up",
        ]  # a child that was never visited is simulated at once
        assert [e.value for e in told if e.phase == "back up"] == [1.0, 1.0, 1.0]

    def test_the_checker_ends_the_search_when_it_is_satisfied(self) -> None:
        model = Answering(lambda prompt, node: "So the answer is 7." if texts.GO_ON in prompt else "Step.")
        trace = play("mcts", model, Question("Which?", gold="7"), iterations=50, scorer="checker")
        assert trace.answered is not None
        assert trace.answered.info["rounds"] == 1

    def test_the_checker_needs_something_to_check_against(self) -> None:
        model = Answering(lambda prompt, node: "So the answer is 7.")
        with pytest.raises(BadInput, match="right answer is known"):
            play("mcts", model, Question("Which?"), scorer="checker")

    @pytest.mark.parametrize("stop", [3, 10, 25, 60])
    def test_a_search_cut_off_anywhere_is_a_readable_tree(self, stop: int) -> None:
        work = events("tree-of-thoughts", Answering(player), GAME, thoughts=6)
        log = [next(work) for _ in range(stop)]
        work.close()  # type: ignore[attr-defined]
        trace = fold(log)
        assert trace.root is not None
        assert trace.root.id == "q"
        for node in trace.nodes.values():
            assert node.parent is None or node.id in trace.nodes[node.parent].children


# Steps whose reward is in their own text: "r .7" is worth .7.
def stepper(prompt: str, node: str) -> str:
    depth = len(re.findall(r"^r ", prompt, re.MULTILINE))
    if depth == 2:
        return f"So the answer is {node.split('/')[1]}."
    return f"r {1 / (1 + int(node.rsplit('/', 1)[-1])):.2f} {node}"


class Worth(Rewards):
    """Reads the reward off the newest step that names one."""

    def __init__(self) -> None:
        super().__init__({})
        self.batches: list[int] = []

    def rewards(
        self, items: Sequence[tuple[str, Sequence[str]]], *, node: str, purpose: str
    ) -> Generator[Event, None, list[list[float]]]:
        self.batches.append(len(items))
        yield Spent(node, Usage(forward_passes=1))
        return [[float(re.findall(r"\br (\d\S*)", " ".join(steps))[-1])] for _, steps in items]


class TestSearchAgainstAVerifier:
    def test_allocation_by_hand(self) -> None:
        # e^{.9/.2}, e^{.5/.2}, e^{.1/.2} share 16 as 13.87, 1.88, .25.
        assert allocation([0.9, 0.5, 0.1], 16, 0.2) == [14, 2, 0]
        assert allocation([0.5, 0.5], 3, 0.2) == [2, 2]  # halves are rounded up
        assert allocation([0.4] * 5, 2, 0.2) == [
            2,
            0,
            0,
            0,
            0,
        ]  # each would get .4: the first gets what there is
        assert allocation([0.4], 0, 0.2) == [0]
        assert allocation([], 4, 0.2) == []

    def test_beam_keeps_n_over_m_and_writes_m_from_each(self) -> None:
        worth = Worth()
        trace = play("beam-search", Answering(stepper), Question("?"), n=6, width=3, load=worth.load)
        assert worth.batches == [6, 6, 6]
        first = [n for n in trace.with_role("thought") if n.parent == "q"]
        assert [n.status for n in first] == ["kept", "kept", "pruned", "pruned", "pruned", "pruned"]
        assert {n.parent for n in trace.with_role("thought")} == {"q", "q/1", "q/2", "q/1/1", "q/2/1"}
        assert trace.answered is not None
        assert trace.answered.text == "1"

    def test_subtrees_do_not_compete(self) -> None:
        worth = Worth()
        trace = play("dvts", Answering(stepper), Question("?"), n=6, width=3, load=worth.load)
        for i in (1, 2):
            children = [n for n in trace.with_role("thought") if n.parent == f"q/subtree-{i}"]
            assert [n.status for n in children] == ["kept", "pruned", "pruned"]
        assert worth.batches == [6, 6, 6]

    def test_lookahead_judges_a_step_by_what_comes_after_it(self) -> None:
        def say(prompt: str, node: str) -> str:
            if "trap" in prompt:
                return "r 0.1 dead end"
            if "plain" in prompt:
                return "So the answer is 7."
            return "r 0.9 trap" if node.endswith("/1") else "r 0.5 plain"

        kwargs = {"n": 2, "width": 2, "load": Worth().load, "max_steps": 3}
        seen = play("lookahead", Answering(say), Question("?"), lookahead=1, **kwargs)
        assert seen.answered is not None
        assert seen.answered.text == "7"
        assert seen.nodes["q/1"].scores["lookahead"].value == 0.1
        blind = play("lookahead", Answering(say), Question("?"), lookahead=0, **kwargs)
        assert blind.answered is not None
        assert blind.answered.text is None

    def test_rebase_lowers_its_budget_by_finished_answers(self) -> None:
        worth = Worth()
        trace = play("rebase", Answering(stepper), Question("?"), n=8, load=worth.load)
        # Rewards of the first depth are 1/2 … 1/9.
        shares = allocation([round(1 / i, 2) for i in range(2, 10)], 8, 0.2)
        told = [trace.nodes[f"q/{i}"].scores["children"].value for i in range(1, 9)]
        assert told == shares
        assert worth.batches[:2] == [8, sum(shares)]
        assert trace.answered is not None
        assert trace.answered.text == "1"

    def test_a_reward_model_must_be_loadable(self) -> None:
        with pytest.raises(CapabilityError, match="cannot be loaded here"):
            play("rebase", Answering(stepper), Question("?"), scorer="PRM")


class TestSelfJudge:
    def test_both_verdicts_are_weighed(self) -> None:
        """Every word the player is made to say has log-probability −.5, so neither verdict is likelier."""
        table = [(("[[",), ["x"]), (("",), ["So the answer is 7."])]
        trace = play("mcts", Tokens(table), Question("?"), scorer="self-judge", iterations=1, children=1)
        verdicts = trace.with_role("verdict")
        assert [n.text.strip() for n in verdicts] == ["correct", "wrong"]
        assert len(verdicts) == 2
        assert trace.answered is not None
        assert trace.answered.confidence == 0.5

    def test_without_tokens_verdicts_are_drawn(self) -> None:
        def say(prompt: str, node: str) -> str:
            if texts.JUDGE in prompt:
                return "[[wrong]]" if node.endswith("judge-1") else "I say [[Correct]]"
            return "So the answer is 7."

        trace = play("mcts", Answering(say), Question("?"), scorer="self-judge", iterations=1)
        assert trace.answered is not None
        assert trace.answered.confidence == pytest.approx(2 / 3)


class TestComputeOptimal:
    @pytest.mark.parametrize(
        ("rate", "number"), [(1.0, 1), (0.81, 1), (0.79, 2), (0.5, 3), (0.3, 4), (0.1, 5), (0, 5)]
    )
    def test_bins(self, rate: float, number: int) -> None:
        assert bin_of(rate) == number

    def test_the_bin_decides_what_is_run_with_the_rest_of_the_budget(self) -> None:
        rows = [{"strategy": "direct"}] * 3 + [
            {"strategy": "self-consistency", "budget": "n"},
            {"strategy": "direct"},
        ]
        model = Answering(lambda prompt, node: "So the answer is 7.")
        trace = play(
            "compute-optimal", model, Question("?"), answers=10, probes=4, table=json.dumps(rows),
            load=Rewards({"So the answer is 7.": 0.3}).load,
        )  # fmt: skip
        assert trace.answered is not None
        assert (trace.answered.info["difficulty"], trace.answered.info["strategy"]) == (4, "self-consistency")
        assert len([n for n in trace.nodes if n.startswith("q/chosen/sample-")]) == 6
        assert trace.usage.calls == 4 + 4 + 6  # probes, their rewards, and the rest

    def test_what_is_run_is_judged_as_the_probes_were(self) -> None:
        rows = [{"strategy": "best-of-n", "params": {"prompt": "plain"}, "budget": "n"}] * 5
        worth = Rewards({"So the answer is 7.": 0.9})
        model = Answering(lambda prompt, node: "So the answer is 7.")
        trace = play(
            "compute-optimal",
            model,
            Question("?"),
            answers=6,
            probes=2,
            table=json.dumps(rows),
            load=worth.load,
        )
        assert trace.answered is not None
        assert trace.answered.info["scorer"] == "PRM"
        assert len(worth.items) == 2 + 4

    @pytest.mark.parametrize("table", ["", "{}", "[1]", '[{"strategy": "direct"}]', '[{"nonsense": 1}]'])
    def test_a_table_that_cannot_be_used_is_refused(self, table: str) -> None:
        with pytest.raises(BadInput):
            play("compute-optimal", Answering(lambda p, n: ""), Question("?"), table=table)


class TestRouter:
    def test_a_sure_direct_answer_is_the_end(self) -> None:
        table = [(("Say how hard",), ["easy"]), (("",), ["So the answer is 7."])]
        trace = play("router", Tokens(table), Question("?"), sure=0.4)
        assert trace.answered is not None
        assert trace.answered.text == "7"
        assert trace.answered.info["decisions"][-1].startswith("the direct answer is sure enough")

    def test_a_failed_grade_leads_to_more_effort(self) -> None:
        def say(prompt: str, node: str) -> str:
            if "Say how hard" in prompt:
                return "expert"
            if texts.JUDGE in prompt:
                return "[[wrong]]"
            return "So the answer is 7." if "last" in node else "So the answer is 5."

        trace = play("router", Answering(say), Question("?"))
        assert trace.answered is not None
        assert trace.answered.text == "7"
        decisions = trace.answered.info["decisions"]
        assert decisions == ["classified as expert", "graded 0.00", "did not pass: self-consistency"]

    def test_another_model_can_grade(self) -> None:
        grader = Answering(lambda prompt, node: "[[correct]]")
        grader.name = "other"
        say = Answering(lambda p, n: "expert" if "Say how hard" in p else "So the answer is 5.")
        trace = play("router", say, Question("?"), grader="other", load=lambda name: grader)
        assert trace.answered is not None
        assert trace.answered.info["decisions"][-1] == "passed"
        assert grader.calls
        assert all("Is this answer correct" in text for text in grader.calls[0])


def test_sentences_are_cut_as_they_are_written_step_by_step() -> None:
    assert sentences("Ray has 9.5 eggs. 9 * 2 = 18. So the answer is 18.") == (
        "Ray has 9.5 eggs.", "9 * 2 = 18.", "So the answer is 18.",
    )  # fmt: skip
    assert sentences("one\ntwo! three? four") == ("one", "two!", "three?", "four")


def test_usage_counts_every_call() -> None:
    model = Answering(player)
    trace: Trace = play("tree-of-thoughts", model, GAME, breadth=2, thoughts=4)
    assert trace.usage.calls == sum(len(call) for call in model.calls) == trace.usage.completion_tokens
