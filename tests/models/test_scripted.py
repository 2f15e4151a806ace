"""The scripted model: what a file says is what happens, and a wrong file is told where."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from playground import errors
from playground.errors import BadInput, CapabilityError, ModelError, PlaygroundError, RateLimited
from playground.events import (
    Alternative,
    CallStarted,
    Event,
    NodeOpened,
    Spent,
    TextAdded,
    TextEnded,
    TokenAdded,
    Usage,
    Waiting,
)
from playground.models import catalog
from playground.models.base import Capabilities, Completion, TokenModel, outcome
from playground.models.script import ERRORS, Can
from playground.models.script_tokens import ScriptedTokenModel
from playground.models.scripted import open_script
from playground.prompts import Message, Prompt, Written, plain
from playground.sampling import GREEDY, Sampling
from playground.strategies import Question, get
from playground.trace import Trace, fold

ROOT = Path(__file__).parents[2]
WARM = Sampling(True, 1.0)

Open = Callable[..., Any]


@pytest.fixture
def script(tmp_path: Path) -> Open:
    """Opens a script of these replies and capabilities; `slept` of the model are the seconds it waited."""

    def open(*replies: dict[str, Any], pace: float = 0.0, **can: Any) -> Any:
        file = tmp_path / "demo.json"
        file.write_text(json.dumps({"capabilities": can, "pace": pace, "replies": replies}), "utf-8")
        slept: list[float] = []
        model = open_script(file, "scripted:demo.json", slept.append)
        model.slept = slept  # type: ignore[attr-defined]
        return model

    return open


def say(
    model: Any,
    prompt: Prompt | None = None,
    nodes: Sequence[str] = ("q/a",),
    sampling: Sampling = GREEDY,
    purpose: str = "answer",
    most: int = 100,
    seed: int = 0,
    stop: Sequence[str] = (),
) -> tuple[list[Event], list[Completion]]:
    """The events of one call and what came out."""
    call = model.sample(
        prompt or plain("How many?"),
        nodes,
        sampling,
        node="q",
        purpose=purpose,
        max_new_tokens=most,
        seed=seed,
        stop=stop,
    )
    events: list[Event] = []
    while True:
        try:
            events.append(next(call))
        except StopIteration as done:
            return events, done.value


def texts(model: Any, *args: Any, **options: Any) -> list[str]:
    return [completion.text for completion in say(model, *args, **options)[1]]


def usage(events: Sequence[Event]) -> Usage:
    return fold([NodeOpened("q", None, "question"), *events]).usage


class TestWhatIsWritten:
    def test_a_text_comes_word_by_word_and_is_counted(self, script: Open) -> None:
        events, [completion] = say(script({"text": "The answer\nis 7. "}))
        assert [event.text for event in events if isinstance(event, TextAdded)] == [
            "The",
            " answer",
            "\nis",
            " 7.",
            " ",
        ]
        assert completion == Completion("q/a", "The answer\nis 7. ", (), "stop")
        # "Q: How many?\nA:" has four words.
        assert usage(events) == Usage(calls=1, prompt_tokens=4, completion_tokens=5)
        assert isinstance(events[0], CallStarted)
        assert events[0].prompt == "Q: How many?\nA:"
        assert events[-1] == TextEnded("q/a", "stop")

    def test_pieces_are_cut_as_the_file_says(self, script: Open) -> None:
        assert texts(script({"pieces": ['{"ti', "tle", '": 1']})) == ['{"title": 1']

    def test_an_empty_reply_is_empty(self, script: Open) -> None:
        events, [completion] = say(script({"text": ""}))
        assert (completion.text, completion.end) == ("", "stop")
        assert usage(events).completion_tokens == 0

    def test_an_endless_one_ends_at_the_limit(self, script: Open) -> None:
        model = script({"text": "and on", "endless": True})
        _, [completion] = say(model, most=5)
        assert (completion.text, completion.end) == ("and onand onand", "length")

    def test_the_limit_is_exact(self, script: Open) -> None:
        model = script({"text": "a b c"})
        assert [say(model, most=n)[1][0].end for n in (2, 3, 4)] == ["length", "stop", "stop"]
        assert texts(model, most=2) == ["a b"]

    def test_the_context_holds_prompt_and_reply(self, script: Open) -> None:
        model = script({"text": "a b c d e"}, context_length=6)
        [completion] = say(model)[1]
        assert (completion.text, completion.end) == ("a b", "context full")
        with pytest.raises(BadInput, match="6 together"):
            say(model, plain("one two three four"))

    def test_a_stop_text_ends_it_inside_a_piece(self, script: Open) -> None:
        events, [completion] = say(script({"text": "one two three"}), stop=["hree", "wo t"])
        assert (completion.text, completion.end) == ("one t", "stop text")
        assert usage(events).completion_tokens == 2

    def test_ways_are_drawn_by_seed_and_place(self, script: Open) -> None:
        model = script({"ways": [{"p": 3, "text": "a"}, {"p": 1, "text": "b"}]})
        nodes = [f"q/{i}" for i in range(400)]
        assert set(texts(model, nodes=nodes)) == {"a"}
        drawn = texts(model, nodes=nodes, sampling=WARM)
        assert drawn == texts(model, nodes=nodes, sampling=WARM)
        assert drawn != texts(model, nodes=nodes, sampling=WARM, seed=1)
        assert 0.17 < drawn.count("b") / 400 < 0.33  # 1/4, give or take four standard errors
        cold = texts(model, nodes=nodes, sampling=Sampling(True, 0.1))  # 3¹⁰ to 1
        assert cold.count("b") < 3

    def test_the_prompt_is_counted_once_for_all_replies_with_n(self, script: Open) -> None:
        nodes = ["q/a", "q/b", "q/c"]
        for n, read in ((True, 4), (False, 12)):
            events, _ = say(script({"text": "x y"}, n=n), nodes=nodes)
            assert usage(events) == Usage(calls=3, prompt_tokens=read, completion_tokens=6)


class TestWhichReply:
    def test_by_what_the_prompt_has_and_lacks(self, script: Open) -> None:
        model = script(
            {"when": {"contains": ["pens", "Leo"]}, "text": "both"},
            {"when": {"lacks": ["pens", "Leo"]}, "text": "neither"},
            {"text": "else"},
        )
        for question, answer in (("pens of Leo", "both"), ("pens", "else"), ("apples", "neither")):
            assert texts(model, plain(question)) == [answer]

    def test_by_purpose_and_place(self, script: Open) -> None:
        model = script(
            {"when": {"purpose": "step *", "node": "*-try-2"}, "text": "again"},
            {"when": {"purpose": "step 2"}, "text": "two"},
            {"when": {"node": "q/sample-?"}, "text": "sample"},
        )
        assert texts(model, nodes=["q/step-1-try-2"], purpose="step 1") == ["again"]
        assert texts(model, nodes=["q/step-2"], purpose="step 2") == ["two"]
        assert texts(model, nodes=["q/sample-1", "q/sample-2"], purpose="sample") == ["sample"] * 2
        with pytest.raises(ModelError, match=r"no reply to this prompt.*'sample'.*'q/sample-10'"):
            say(model, nodes=["q/sample-10"], purpose="sample")

    def test_by_which_call_it_is(self, script: Open) -> None:
        model = script({"times": 1, "text": "first"}, {"times": 2, "text": "next"}, {"text": "then"})
        assert [texts(model)[0] for _ in range(5)] == ["first", "next", "next", "then", "then"]


class TestTime:
    def test_pieces_wait(self, script: Open) -> None:
        model = script({"text": "a b c", "wait": 0.25}, pace=0.125)
        say(model)
        assert model.slept == [0.375, 0.125, 0.125]
        own = script({"text": "a b", "pace": 0.0}, pace=9)
        say(own)
        assert own.slept == []

    def test_a_long_wait_says_so_and_can_be_left(self, script: Open) -> None:
        model = script({"text": "late", "wait": 1.75})
        events, _ = say(model)
        assert [(e.node, e.seconds) for e in events if isinstance(e, Waiting)] == [
            ("q/a", 0.5),
            ("q/a", 1.0),
            ("q/a", 1.5),
        ]
        assert model.slept == [0.5, 0.5, 0.5, 0.25]

    def test_replies_wait_side_by_side(self, script: Open) -> None:
        model = script(
            {"when": {"node": "q/slow"}, "text": "s1 s2", "pace": 0.4}, {"text": "f1 f2 f3", "pace": 0.25}
        )
        events, _ = say(model, nodes=["q/slow", "q/fast"])
        assert [e.text.strip() for e in events if isinstance(e, TextAdded)] == ["f1", "s1", "f2", "f3", "s2"]
        assert sum(model.slept) == pytest.approx(0.8)


class TestFailing:
    def test_every_error_of_ours_can_be_played(self) -> None:
        ours = {n for n, k in vars(errors).items() if isinstance(k, type) and issubclass(k, PlaygroundError)}
        assert set(ERRORS) == ours

    @pytest.mark.parametrize("kind", sorted(ERRORS))
    @pytest.mark.parametrize("retryable", [True, False, None])
    def test_an_error_has_its_type_and_says_whether_to_try_again(
        self, script: Open, kind: str, retryable: bool | None
    ) -> None:
        said = {"type": kind, "message": "No.", "hint": "Wait."} | (
            {} if retryable is None else {"retryable": retryable}
        )
        with pytest.raises(ERRORS[kind]) as caught:
            say(script({"error": said}))
        assert type(caught.value).__name__ == kind
        assert (caught.value.message, caught.value.hint) == ("No.", "Wait.")
        assert caught.value.retryable is (ERRORS[kind].retryable if retryable is None else retryable)

    def test_in_the_middle_what_was_written_stands_and_is_counted(self, script: Open) -> None:
        model = script({"text": "one two three", "error": {"type": "RateLimited", "after": 2}})
        call = model.sample(plain("?"), ["q/a"], GREEDY, node="q", purpose="answer", max_new_tokens=9, seed=0)
        events: list[Event] = []
        with pytest.raises(RateLimited):
            events.extend(call)
        assert "".join(e.text for e in events if isinstance(e, TextAdded)) == "one two"
        assert usage(events).completion_tokens == 2
        assert not any(isinstance(e, TextEnded) for e in events)

    @pytest.mark.parametrize(
        ("after", "most", "fails"), [(3, 9, True), (5, 9, True), (3, 2, False), (2, 2, True), (0, 9, True)]
    )
    def test_it_fails_only_if_it_comes_to_that(
        self, script: Open, after: int, most: int, fails: bool
    ) -> None:
        """After more pieces than there are it fails at the end."""
        model = script({"text": "one two three", "error": {"after": after}})
        if not fails:
            assert texts(model, most=most) == ["one two"]
            return
        with pytest.raises(PlaygroundError):
            say(model, most=most)

    def test_a_stop_text_comes_before_the_error(self, script: Open) -> None:
        assert texts(script({"text": "one two", "error": {"after": 2}}), stop=[" two"]) == ["one"]


class TestTokens:
    def test_a_server_with_three_likeliest(self, script: Open) -> None:
        token = {
            "text": " 7",
            "logprob": math.log(0.5),
            "alternatives": [[" 8", math.log(0.3)], [" 9", math.log(0.1)], [" 1", math.log(0.05)]],
        }
        sure = {"text": ".", "logprob": -0.01, "margin": 0.98, "entropy": 0.2}
        model = script({"tokens": [token, sure]}, top_logprobs=3)
        events, [completion] = say(model)
        first, second = completion.tokens
        assert [e for e in events if isinstance(e, TokenAdded)] == [first, second]
        assert completion.text == " 7."
        assert (first.id, first.entropy, first.chosen) == (None, None, "greedy")
        assert first.margin == pytest.approx(0.2)
        assert [(a.id, a.text) for a in first.alternatives] == [(None, " 7"), (None, " 8"), (None, " 9")]
        assert (second.margin, second.entropy) == (0.98, 0.2)
        assert say(model, sampling=WARM)[1][0].tokens[0].chosen == "sampled"
        assert not isinstance(model, TokenModel)

    def test_part_of_a_token_before_a_stop_text(self, script: Open) -> None:
        model = script({"tokens": [{"text": "ab", "logprob": -1, "margin": 0.5}]}, top_logprobs=1)
        [completion] = say(model, stop=["b"])[1]
        assert (completion.text, [t.text for t in completion.tokens], completion.end) == (
            "a",
            ["a"],
            "stop text",
        )


TREE = {
    "ways": [
        {
            "tokens": [
                {"text": " 7", "logprob": math.log(0.6), "alternatives": [[" 8", math.log(0.1)]]},
                {"text": ".", "logprob": 0},
            ],
            "forced": [
                {"text": " So", "logprob": -3},
                {"text": " it is", "logprob": -1},
                {"text": " 7", "logprob": -0.1},
            ],
        },
        {"tokens": [{"text": " Let", "logprob": math.log(0.3)}, {"text": " me", "logprob": math.log(0.75)}]},
        {
            "tokens": [
                {"text": " Let", "logprob": math.log(0.3)},
                {"text": " us", "logprob": math.log(0.25)},
                {"text": " see", "logprob": 0},
            ]
        },
    ]
}


class TestOpenDistributions:
    def read(self, model: Any, then: Sequence[int] = ()) -> Any:
        return outcome(model.prefill(plain("?"), node="q", purpose="branch", then=then))

    def grow(
        self, model: Any, branches: Any, most: int = 9, sampling: Sampling = GREEDY, **more: Any
    ) -> Trace:
        events = list(
            model.decode(branches, sampling, node="q", max_new_tokens=most, seed=more.pop("seed", 0), **more)
        )
        return fold([NodeOpened("q", None, "question"), *events])

    def test_it_is_a_token_model_and_knows_its_vocabulary(self, script: Open) -> None:
        model = script(TREE, full_logits=True)
        assert isinstance(model, TokenModel)
        assert isinstance(model, ScriptedTokenModel)
        assert model.vocabulary == (" 7", " 8", ".", " So", " it is", " Let", " me", " us", " see")
        assert model.capabilities.branches

    def test_the_first_token_is_whole(self, script: Open) -> None:
        model = script(TREE, full_logits=True)
        prefix = self.read(model)
        assert [(a.text, round(math.exp(a.logprob), 3)) for a in prefix.top(3)] == [
            (" 7", 0.6),
            (" Let", 0.3),
            (" 8", 0.1),
        ]
        assert prefix.alternatives([1, 2]) == [
            Alternative(1, " 8", math.log(0.1)),
            Alternative(2, ".", -math.inf),
        ]
        logits = prefix.logits()
        assert logits.shape == (9,)
        assert float(sum(math.exp(x) for x in logits)) == pytest.approx(1)
        with pytest.raises(BadInput, match=r"k = 4 .* from the 3"):
            prefix.top(4)
        with pytest.raises(BadInput, match="9 is no token id"):
            prefix.alternatives([9])

    def test_branches_grow_together_with_whole_measures(self, script: Open) -> None:
        model = script(TREE, full_logits=True)
        prefix = self.read(model)
        branches = prefix.fork(["q/a", "q/b"], [0, 5])
        trace = self.grow(model, branches)
        assert [branch.text for branch in branches] == [" 7.", " Let me"]
        assert [branch.end for branch in branches] == ["stop", "stop"]
        a, b = (trace.nodes[name].tokens for name in ("q/a", "q/b"))
        assert [token.chosen for token in (*a, *b)] == ["forced", "greedy", "forced", "greedy"]
        assert a[0].margin == pytest.approx(0.3)
        assert a[0].entropy == pytest.approx(
            -(0.6 * math.log2(0.6) + 0.3 * math.log2(0.3) + 0.1 * math.log2(0.1))
        )
        assert (a[1].margin, a[1].entropy) == (1.0, 0.0)
        assert b[1].margin == pytest.approx(0.5)  # of " me" and " us", which another way tells
        assert trace.usage == Usage(calls=2, completion_tokens=4)

    def test_draws_follow_the_odds_and_the_seed(self, script: Open) -> None:
        model = script(TREE, full_logits=True)
        names = [f"q/{i}" for i in range(300)]

        def draw(seed: int) -> list[str]:
            branches = self.read(model).fork(names)
            self.grow(model, branches, sampling=WARM, seed=seed)
            return [branch.text for branch in branches]

        first = draw(0)
        assert first == draw(0) != draw(1)
        assert set(first) == {" 7.", " Let me", " Let us see"}
        assert 0.55 < first.count(" 7.") / 300 < 0.78  # 6 of 9: " 8" has no way to go on

    def test_a_limit_can_be_gone_on_from_and_forced_words_need_their_tokens(self, script: Open) -> None:
        model = script(TREE, full_logits=True)
        [branch] = self.read(model).fork(["q/a"])
        self.grow(model, [branch], most=1)
        assert (branch.text, branch.end) == (" 7", "length")
        self.grow(model, [branch], most=1)
        assert (branch.text, branch.end) == (" 7.", "stop")
        branch.force(" So it is")
        trace = self.grow(model, [branch])
        assert branch.text == " 7. So it is 7"
        assert [t.chosen for t in trace.nodes["q/a"].tokens] == ["forced", "forced", "greedy"]
        assert trace.usage.calls == 0
        with pytest.raises(BadInput, match="does not say what follows when ' Thus'"):
            branch.force(" Thus")

    def test_going_on_from_tokens_before(self, script: Open) -> None:
        model = script(TREE, full_logits=True)
        prefix = self.read(model, then=[5])
        assert [a.text for a in prefix.top(2)] == [" me", " us"]
        [branch] = prefix.fork(["q/a"], [7])
        self.grow(model, [branch])
        assert branch.text == " us see"
        for then in ([1], [0, 0]):
            with pytest.raises(BadInput, match="does not say what follows"):
                self.read(model, then=then)
        with pytest.raises(BadInput, match="does not say what follows ' 8'"):
            self.read(model).fork(["q/a"], [1])

    def test_stop_texts(self, script: Open) -> None:
        model = script(TREE, full_logits=True)
        [branch] = self.read(model).fork(["q/a"], [5])
        self.grow(model, [branch], stop=["t m"])
        assert (branch.text, branch.end) == (" Le", "stop text")

    def test_only_its_own_branches(self, script: Open) -> None:
        mine, other = script(TREE, full_logits=True), script(TREE, full_logits=True)
        branches = self.read(other).fork(["q/a"])
        with pytest.raises(BadInput, match="made it"):
            self.grow(mine, branches)
        with pytest.raises(BadInput, match="2 branches were given 1"):
            self.read(mine).fork(["q/a", "q/b"], [0])

    def test_an_error_while_branches_grow(self, script: Open) -> None:
        failing = {
            "tokens": [{"text": "a", "logprob": 0}, {"text": "b", "logprob": 0}],
            "error": {"after": 1},
        }
        model = script(failing, full_logits=True)
        [branch] = self.read(model).fork(["q/a"])
        with pytest.raises(PlaygroundError):
            self.grow(model, [branch])
        assert branch.text == "a"
        with pytest.raises(PlaygroundError):
            self.read(script({"error": {}}, full_logits=True))

    def test_endless_and_the_context(self, script: Open) -> None:
        model = script(
            {"tokens": [{"text": "ha", "logprob": 0}], "endless": True}, full_logits=True, context_length=7
        )
        [branch] = self.read(model).fork(["q/a"])
        self.grow(model, [branch], most=3)
        assert (branch.text, branch.end) == ("hahaha", "length")
        self.grow(model, [branch], most=9)
        assert (branch.text, branch.end) == ("hahahaha", "context full")  # "Q: ? A:" has three words

    def test_what_a_file_cannot_know_is_refused(self, script: Open) -> None:
        model = script(TREE, full_logits=True)
        with pytest.raises(CapabilityError, match="foresees"):
            outcome(model.measure(Written("x"), node="q", purpose="lens"))

    def test_likeliest_tokens_only(self, script: Open) -> None:
        first = {"text": " 7", "logprob": math.log(0.5), "alternatives": [[" 8", -2], [" 9", -3]]}
        model = script({"tokens": [first]}, branches=True, top_logprobs=2)
        prefix = self.read(model)
        assert [a.text for a in prefix.top(2)] == [" 7", " 8"]
        with pytest.raises(BadInput, match="k = 3"):
            prefix.top(3)
        with pytest.raises(CapabilityError, match="likeliest"):
            prefix.logits()
        [branch] = prefix.fork(["q/a"], [prefix.top(1)[0].id])
        self.grow(model, [branch])
        [token] = branch.tokens
        assert (token.entropy, len(token.alternatives)) == (None, 2)


class TestWrongFiles:
    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("{", "is wrong: invalid JSON"),
            ("[]", "is wrong: input should be"),
            ("{}", "at replies: field required"),
            ('{"replies": []}', "at replies: tuple should have at least 1 item"),
            ({"replies": [{}]}, "at replies.0: say what is written"),
            ({"replies": [{"text": 7}]}, "at replies.0.text: input should be a valid string"),
            ({"replies": [{"txt": "a"}]}, "at replies.0.txt: extra inputs are not permitted"),
            ({"replies": [{"text": "a", "pieces": ["b"]}]}, "at replies.0: give only one of"),
            (
                {"replies": [{"text": "a", "ways": [{"text": "b"}]}]},
                "at replies.0: what is written stands either",
            ),
            ({"replies": [{"ways": [{"text": "a"}, {"p": 0, "text": "b"}]}]}, "at replies.0.ways.1.p: input"),
            ({"replies": [{"text": "", "endless": True}]}, "at replies.0: what is endless"),
            ({"replies": [{"text": "a", "times": 0}]}, "at replies.0.times: input should be greater"),
            ({"replies": [{"text": "a", "wait": -1}]}, "at replies.0.wait: input"),
            ({"replies": [{"text": "a", "when": {"contains": "b"}}]}, "at replies.0.when.contains: input"),
            ({"replies": [{"error": {"type": "Oops"}}]}, "at replies.0.error: type is one of BadInput, "),
            ({"replies": [{"text": "a"}], "capabilities": {"json": True}}, "at capabilities.json: extra"),
            (
                {"replies": [{"text": "a"}], "capabilities": {"n": 1}},
                "at capabilities.n: input should be a valid bool",
            ),
            (
                {"replies": [{"text": "a"}], "capabilities": {"branches": True}},
                "at capabilities.branches: branches begin",
            ),
            (
                {"replies": [{"tokens": [{"text": "a", "logprob": -1, "margin": 0.1}]}]},
                "at replies.0.tokens: a model gives",
            ),
            (
                {
                    "replies": [{"tokens": [{"text": "a", "logprob": 0.5}]}],
                    "capabilities": {"top_logprobs": 1},
                },
                "at replies.0.tokens.0.logprob: input should be less than or equal to 0",
            ),
            (
                {
                    "replies": [{"tokens": [{"text": "a", "logprob": -1}]}],
                    "capabilities": {"top_logprobs": 1},
                },
                "at replies.0.tokens.0: give a margin or an alternative",
            ),
            (
                {
                    "replies": [{"tokens": [{"text": "a", "logprob": -0.1, "alternatives": [["b", -0.1]]}]}],
                    "capabilities": {"top_logprobs": 1},
                },
                "at replies.0.tokens.0.alternatives: the probabilities add up to more than 1",
            ),
            (
                {
                    "replies": [{"tokens": [{"text": "a", "logprob": -9, "alternatives": [["b", 0.1]]}]}],
                    "capabilities": {"top_logprobs": 1},
                },
                "at replies.0.tokens.0.alternatives: a log-probability is at most 0",
            ),
            (
                {"replies": [{"text": "a"}], "capabilities": {"full_logits": True}},
                "at replies.0: a model with full",
            ),
            (
                {
                    "replies": [{"tokens": [{"text": "a", "logprob": -1}]}],
                    "capabilities": {"full_logits": True},
                },
                "at replies.0: full_logits wants the whole distribution, and that of token 0 adds up to 0.368",
            ),
            (
                {
                    "replies": [
                        {
                            "ways": [
                                {"tokens": [{"text": "a", "logprob": -0.5, "alternatives": [["b", -1]]}]},
                                {"tokens": [{"text": "b", "logprob": -1.1}]},
                            ]
                        }
                    ],
                    "capabilities": {"full_logits": True},
                },
                "at replies.0: token 0, 'b', has two log-probabilities",
            ),
            (
                {
                    "replies": [{"ways": [{"p": 2, "tokens": [{"text": "a", "logprob": 0}]}]}],
                    "capabilities": {"full_logits": True},
                },
                "at replies.0.ways.0.p: the log-probabilities of its tokens",
            ),
            (
                '{"replies": [{"tokens": [{"text": "a", "logprob": NaN}]}]}',
                "at replies.0.tokens.0.logprob: input should be",
            ),
        ],
    )
    def test_the_wrong_field_is_named(self, tmp_path: Path, content: Any, says: str) -> None:
        file = tmp_path / "demo.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        with pytest.raises(BadInput) as caught:
            open_script(file, "scripted:demo.json")
        assert (
            f"The script demo.json is wrong{'' if says.startswith('is wrong') else ' '}"
            in caught.value.message
        )
        assert says.removeprefix("is wrong") in caught.value.message
        assert "docs/scripted.md" in caught.value.hint

    def test_files_that_are_none(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.json", tmp_path, tmp_path / "\0"):
            with pytest.raises(BadInput, match=r"(no script|cannot be read)"):
                open_script(path, "scripted:x")
        (tmp_path / "bytes.json").write_bytes(b"\xff\xfe{}")
        with pytest.raises(BadInput, match=r"bytes\.json is wrong"):
            open_script(tmp_path / "bytes.json", "scripted:x")

    def test_long_and_deep_files_are_no_crash(self, tmp_path: Path) -> None:
        long = [{"text": "a", "logprob": 0}] * 5000
        file = tmp_path / "long.json"
        file.write_text(json.dumps({"capabilities": {"full_logits": True}, "replies": [{"tokens": long}]}))
        assert len(say(open_script(file, "scripted:x"), most=6000)[1][0].tokens) == 5000
        file.write_text("[" * 100_000)
        with pytest.raises(BadInput):
            open_script(file, "scripted:x")


def test_capabilities_are_those_of_every_model() -> None:
    assert set(Can.model_fields) == {f.name for f in fields(Capabilities)}


def test_the_catalogue_opens_it_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    script = {
        "about": "Greets.",
        "capabilities": {"json_mode": True, "local": False},
        "replies": [{"text": "hello"}],
    }
    file.write_text(json.dumps(script), "utf-8")
    name = f"scripted:{file}"
    info = catalog.info(name)
    assert (info.name, info.backend, info.capabilities.json_mode) == (name, "scripted", True)
    assert (info.title, info.note) == ("demo.json", "Greets.")
    assert (info.capabilities.full_logits, info.capabilities.local) == (False, False)
    model: Any = catalog.load(name)
    assert re.fullmatch("[0-9a-f]{16}", model.versions["script"])
    assert texts(model) == ["hello"]
    with pytest.raises(BadInput, match="no script"):
        catalog.load("scripted:none.json")


@pytest.mark.parametrize("path", sorted((ROOT / "assets" / "scripted").glob("*.json")), ids=lambda p: p.name)
def test_the_examples_are_scripts(path: Path) -> None:
    open_script(path, f"scripted:{path}")


def test_what_the_documentation_shows_is_a_script(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "scripted.md").read_text("utf-8")
    [shown] = re.findall(r"```json\n(.+?)```", text, re.DOTALL)
    (tmp_path / "demo.json").write_text(shown, "utf-8")
    open_script(tmp_path / "demo.json", "scripted:demo.json")
    for name in (
        *Can.model_fields,
        "title",
        "about",
        "pace",
        "replies",
        "wait",
        "times",
        "endless",
        "forced",
        "ways",
    ):
        assert f"`{name}" in text, name


def test_cot_decoding_on_the_example() -> None:
    model = open_script(
        ROOT / "assets" / "scripted" / "two-ways.json", "scripted:two-ways", lambda seconds: None
    )
    strategy = get("cot-decoding")
    trace = fold(strategy.run(Question("How many?"), model, strategy.parse({"k": 2})))
    assert trace.answered is not None
    assert trace.answered.text == "8"
    assert trace.answered.confidence == pytest.approx(math.exp(-0.0513) - math.exp(-2.9957))
    direct = get("direct")
    blurted = fold(direct.run(Question("How many?"), model, direct.parse({})))
    assert blurted.answered is not None
    assert blurted.answered.text == "12"


def test_the_prompt_is_what_a_plain_model_reads() -> None:
    """Conditions of a script see system, user and assistant turns."""
    prompt = Prompt((Message("system", "Be brief."), Message("user", "Hi?"), Message("assistant", "Yes.")))
    model = open_script(ROOT / "assets" / "scripted" / "titled-chain.json", "x", lambda seconds: None)
    events, _ = say(model, prompt)
    call = events[0]
    assert isinstance(call, CallStarted)
    assert call.prompt == "Be brief.\n\nQ: Hi?\nA: Yes.\n\nA:"
    assert next(e for e in events if isinstance(e, Spent)).usage.prompt_tokens == 7


def test_cot_decoding_where_only_the_likeliest_are_told(script: Open) -> None:
    first = [[" 7", -0.7], [" Let", -1.2], [" 8", -2.5]]
    model = script(
        {
            "when": {"purpose": "branch"},
            "ways": [
                {"tokens": [{"text": " 7", "logprob": -0.7, "alternatives": first}]},
                {
                    "tokens": [
                        {"text": " Let", "logprob": -1.2, "alternatives": first},
                        {"text": " us see:", "logprob": -0.1, "margin": 0.8},
                        {"text": " 9", "logprob": -0.02, "margin": 0.96},
                    ]
                },
            ],
        },
        branches=True,
        top_logprobs=2,
    )
    strategy = get("cot-decoding")
    trace = fold(strategy.run(Question("How many?"), model, strategy.parse({"k": 2})))
    assert trace.answered is not None
    assert (trace.answered.text, trace.answered.confidence) == ("9", 0.96)
    assert [node.scores["delta"].value for node in trace.with_role("branch")] == [
        pytest.approx(math.exp(-0.7) - math.exp(-1.2)),
        0.96,
    ]
