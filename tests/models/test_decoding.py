"""Ends, limits, cancelling, turns and errors of the decode loop."""

from __future__ import annotations

import gc
import math
import threading
import time
import weakref
from collections.abc import Sequence
from itertools import islice

import pytest
import torch

from playground.errors import BadInput, ModelError
from playground.events import CallStarted, Event, Spent, TextEnded, TokenAdded, Warned
from playground.models.base import TokenModel
from playground.models.decoding import look
from playground.models.local import LocalModel
from playground.models.measures import TOP
from playground.sampling import GREEDY, Sampling
from tests.models.tiny import KINDS, make_model, measure, read, run, say, spent

PROMPT = say("The cat sat is 2 + 4?")


@pytest.fixture(scope="module")
def model() -> LocalModel:
    return make_model("llama")


def greedy(model: LocalModel, n: int, nodes: Sequence[str] = ("q/a",), **options: object) -> list[Event]:
    branches = read(model, PROMPT).fork(nodes)
    events, _ = run(model.decode(branches, GREEDY, node="q", max_new_tokens=n, seed=0, **options))  # type: ignore[arg-type]
    return events


def test_it_is_a_token_model(model: LocalModel) -> None:
    checked: TokenModel = model
    assert isinstance(checked, TokenModel)
    assert model.capabilities.missing({"full_logits", "prefill", "seed", "n"}) == []
    assert model.capabilities.missing({"json_mode"}) == ["json_mode"]
    assert model.capabilities.context_length == 256
    assert set(model.versions) == {"weights", "torch", "transformers", "device", "dtype"}
    assert model.versions["dtype"] == "float32"


def test_events_come_after_every_step_in_order(model: LocalModel) -> None:
    branches = read(model, PROMPT).fork(["q/a", "q/b"])
    kinds = []
    for event in model.decode(branches, GREEDY, node="q", max_new_tokens=3, seed=0):
        kinds.append(type(event).__name__)
    step = ["TokenAdded", "TokenAdded", "Spent"]
    assert kinds == step + step + ["TokenAdded", "TextEnded", "TokenAdded", "TextEnded", "Spent"]


def test_every_row_of_a_step_is_charged_once(model: LocalModel) -> None:
    costs = [e.usage for e in greedy(model, 4, ["q/a", "q/b", "q/c"]) if isinstance(e, Spent)]
    assert [u.calls for u in costs] == [3, 0, 0, 0]
    assert [u.completion_tokens for u in costs] == [3] * 4
    # The first token comes from the prompt's own pass, and nothing reads the last one.
    assert [u.forward_passes for u in costs] == [0, 1, 1, 1]


def test_forward_passes_are_the_networks_own_count() -> None:
    model, count = make_model("llama"), 0
    forward = model.network._model.forward

    def counted(*args: object, **kwargs: object) -> object:
        nonlocal count
        count += 1
        return forward(*args, **kwargs)

    model.network._model.forward = counted
    events, [reply, _] = run(
        model.sample(PROMPT, ["q/a", "q/b"], GREEDY, node="q", purpose="test", max_new_tokens=5, seed=0)
    )
    assert spent(events).forward_passes == count == 5
    assert isinstance(events[0], CallStarted)
    assert events[0].prompt == "Q: The cat sat is 2 + 4?\nA:"
    assert (reply.node, reply.end, len(reply.tokens)) == ("q/a", "length", 5)
    assert reply.text == b"".join(t.data for t in reply.tokens).decode("utf-8", "replace")


def test_the_context_ends_a_branch(model: LocalModel) -> None:
    prompt = say("x" * 240)
    count = read(model, prompt).token_count
    events, [reply] = run(
        model.sample(prompt, ["q/a"], GREEDY, node="q", purpose="test", max_new_tokens=100, seed=0)
    )
    assert (reply.end, len(reply.tokens)) == ("context full", 256 - count)
    [branch] = read(model, prompt).fork(["q/b"])
    run(model.decode([branch], GREEDY, node="q", max_new_tokens=100, seed=0))
    branch.force(" the")
    events, _ = run(model.decode([branch], GREEDY, node="q", max_new_tokens=100, seed=0))
    assert events == [TextEnded("q/b", "context full")]


def test_a_prompt_that_does_not_fit_names_both_numbers(model: LocalModel) -> None:
    with pytest.raises(BadInput, match=r"The prompt has 406 tokens; .* holds 256"):
        run(model.prefill(say("x" * 400), node="q", purpose="test"))


def test_inputs_out_of_range_are_refused(model: LocalModel) -> None:
    prefix = read(model, PROMPT)
    vocabulary = len(prefix.logits())
    assert len(prefix.top(vocabulary)) == vocabulary
    for k in (0, vocabulary + 1):
        with pytest.raises(BadInput, match=f"k = {k}"):
            prefix.top(k)
    with pytest.raises(BadInput, match="2 branches were given 1"):
        prefix.fork(["q/a", "q/b"], [1])
    for id in (-1, vocabulary):
        with pytest.raises(BadInput, match="no token id"):
            prefix.fork(["q/a"], [id])
    with pytest.raises(BadInput, match="max_new_tokens"):
        run(model.decode(prefix.fork(["q/a"]), GREEDY, node="q", max_new_tokens=0, seed=0))
    with pytest.raises(BadInput, match="top_p"):
        run(model.decode(prefix.fork(["q/a"]), Sampling(True, top_p=0), node="q", max_new_tokens=1, seed=0))
    with pytest.raises(BadInput, match="model that made it"):
        run(make_model("llama").decode(prefix.fork(["q/a"]), GREEDY, node="q", max_new_tokens=1, seed=0))


def test_nothing_to_grow_is_no_step(model: LocalModel) -> None:
    assert run(model.decode([], GREEDY, node="q", max_new_tokens=5, seed=0))[0] == []


def test_temperature_zero_is_greedy(model: LocalModel) -> None:
    [a] = read(model, PROMPT).fork(["q/a"])
    run(model.decode([a], Sampling(True, temperature=0), node="q", max_new_tokens=5, seed=0))
    assert [t for t in greedy(model, 5) if isinstance(t, TokenAdded)] == list(a.tokens)


def test_a_sampled_token_keeps_both_probabilities(model: LocalModel) -> None:
    [branch] = (prefix := read(model, PROMPT)).fork(["q/a"])
    run(model.decode([branch], Sampling(True, 0.5, top_k=3), node="q", max_new_tokens=1, seed=4))
    [token] = branch.tokens
    logits = torch.tensor(prefix.logits())
    assert token.logprob == pytest.approx(measure(logits, token.id).logprob, abs=1e-5)
    kept = logits.topk(3)
    drawn = (kept.values / 0.5).log_softmax(-1)[kept.indices.tolist().index(token.id)].item()
    assert token.sampling_logprob == pytest.approx(drawn, abs=1e-5)


# --- ends -------------------------------------------------------------------------------------------------


def scripted(model: LocalModel, text: str, stop: Sequence[str] = (), n: int = 40, **options: object) -> tuple:  # type: ignore[type-arg]
    """A branch made to write a text, so that what ends it is known."""
    [branch] = read(model, PROMPT).fork(["q/a"])
    branch.force(text)
    events, _ = run(
        model.decode([branch], GREEDY, node="q", max_new_tokens=n, seed=0, stop=stop, **options)  # type: ignore[arg-type]
    )
    return branch, events


def test_a_stop_text_is_no_part_of_text_or_tokens(model: LocalModel) -> None:
    branch, events = scripted(model, " the cat.\n\nsat is", ["\n\n"])
    assert branch.end == "stop text"
    assert branch.text == " the cat." == b"".join(t.data for t in branch.tokens).decode()
    assert [e for e in events if isinstance(e, TokenAdded)] == list(branch.tokens)
    assert spent(events).completion_tokens == len(branch.tokens) + 2


def test_a_plain_prompt_also_stops_before_the_next_question(model: LocalModel) -> None:
    branch, _ = scripted(model, " the answer\nQ: the")
    assert (branch.end, branch.text) == ("stop text", " the answer")
    chat = make_model("llama", template="{{ messages[0].content }}:")
    branch, _ = scripted(chat, " the answer\nQ: the", n=12)
    assert branch.text.startswith(" the answer\nQ: the")


def test_a_stop_text_inside_a_token_cuts_the_token(model: LocalModel) -> None:
    branch, events = scripted(model, " the answer is", ["swer"])
    assert branch.text == " the an"
    assert branch.tokens[-1].text == " an"
    assert [e for e in events if isinstance(e, TokenAdded)] == list(branch.tokens)
    # Going on, the model reads exactly that text.
    branch.force(" cat")
    run(model.decode([branch], GREEDY, node="q", max_new_tokens=1, seed=0))
    ids = [*read(model, PROMPT).ids, *model.text.encode(" the an")]
    logits = model.network._model(torch.tensor([ids])).logits[0, -1].detach()
    assert branch.text == " the an cat"
    assert branch.tokens[-1].logprob == pytest.approx(measure(logits, branch.tokens[-1].id).logprob, abs=1e-4)


def test_what_might_become_a_stop_text_is_held_and_then_told(model: LocalModel) -> None:
    branch, events = scripted(model, "ab" + "abc", ["abcd", "zz"], n=5)
    assert branch.text == "ababc"
    assert branch.end == "length"
    tokens = [e for e in events if isinstance(e, TokenAdded)]
    assert [t.text for t in tokens] == list("ababc")
    assert [type(e).__name__ for e in events[:4]] == ["Spent", "Spent", "TokenAdded", "TokenAdded"]


def test_closing_forgets_what_was_held_and_never_told(model: LocalModel) -> None:
    [branch] = read(model, PROMPT).fork(["q/a"])
    branch.force("xab")
    work = model.decode([branch], GREEDY, node="q", max_new_tokens=9, seed=0, stop=["abc"])
    told = list(islice(work, 4))
    work.close()
    assert [type(e).__name__ for e in told] == ["TokenAdded", "Spent", "Spent", "Spent"]
    assert branch.text == "x"
    branch.force("y")
    run(model.decode([branch], GREEDY, node="q", max_new_tokens=1, seed=0))
    ids = [*read(model, PROMPT).ids, *model.text.encode("x")]
    logits = model.network._model(torch.tensor([ids])).logits[0, -1].detach()
    assert branch.tokens[-1].logprob == pytest.approx(measure(logits, branch.tokens[-1].id).logprob, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_goes_on_rightly_after_a_stop_text(kind: str) -> None:
    model = make_model(kind)
    branch, _ = scripted(model, " the cat sat.\n\nQ", ["\n\n"])
    branch.force(" so")
    run(model.decode([branch], GREEDY, node="q", max_new_tokens=4, seed=0))
    other, _ = scripted(make_model(kind, cache_tokens=0), " the cat sat. so", n=4 + 5)
    assert [t.id for t in branch.tokens] == [t.id for t in other.tokens][: len(branch.tokens)]
    for a, b in zip(branch.tokens, other.tokens, strict=False):
        assert a.logprob == pytest.approx(b.logprob, abs=1e-4)


def test_a_loop_is_told_once_and_may_end_a_branch(model: LocalModel) -> None:
    branch, events = scripted(model, " the cat sat" * 14, n=42)
    [warning] = [e for e in events if isinstance(e, Warned)]
    assert (warning.node, "last 3 tokens" in warning.message) == ("q/a", True)
    assert (branch.end, len(branch.tokens)) == ("length", 42)
    branch, events = scripted(model, " the cat sat" * 14, n=42, stop_loops=True)
    assert branch.end == "loop"
    assert 24 < len(branch.tokens) <= 40
    assert TextEnded("q/a", "loop") in events


def test_a_forced_end_of_text_ends_it() -> None:
    model = make_model("llama", ends=[1])
    branches = read(model, PROMPT).fork(["q/a", "q/b"], [1, 70])
    events, _ = run(model.decode(branches, GREEDY, node="q", max_new_tokens=3, seed=0))
    assert (branches[0].text, branches[0].end) == ("", "stop")
    assert len(branches[1].tokens) == 3
    assert spent(events).completion_tokens == 4
    # Ended by itself, it only goes on with forced text.
    assert run(model.decode([branches[0]], GREEDY, node="q", max_new_tokens=3, seed=0))[0] == []


def test_a_character_of_several_tokens(model: LocalModel) -> None:
    branch, _ = scripted(model, " 🎲é", n=7)
    assert branch.text == " 🎲é"
    assert [t.hex for t in branch.tokens] == ["", "f0", "9f", "8e", "b2", "c3", "a9"]
    assert [t.text for t in branch.tokens[1:]] == [""] * 6
    assert b"".join(t.data for t in branch.tokens) == " 🎲é".encode()
    broken, _ = scripted(model, " 🎲", n=3)
    assert broken.text == " \ufffd"


# --- cancelling and turns ---------------------------------------------------------------------------------


def test_closing_stops_at_once_and_frees_everything() -> None:
    model, passes = make_model("llama"), 0
    forward = model.network._model.forward

    def counted(*args: object, **kwargs: object) -> object:
        nonlocal passes
        passes += 1
        return forward(*args, **kwargs)

    model.network._model.forward = counted
    branches = read(model, PROMPT).fork(["q/a", "q/b"])
    work = model.decode(branches, GREEDY, node="q", max_new_tokens=50, seed=0)
    tokens = [e for e in islice(work, 8) if isinstance(e, TokenAdded)]
    batch = weakref.ref(work.gi_yieldfrom.gi_frame.f_locals["self"]._batch)  # type: ignore[union-attr]
    before = passes
    work.close()
    del work
    gc.collect()
    assert batch() is None
    assert passes == before <= 4
    assert len(tokens) > 4
    # Nothing is locked, and the branches may be grown on.
    run(model.decode(branches, GREEDY, node="q", max_new_tokens=2, seed=0))


def test_threads_take_turns_step_by_step() -> None:
    model = make_model("llama")
    alone = {name: [t.id for t in greedy_tokens(model, name, 30)] for name in ("q/a", "q/b", "q/c")}
    order: list[str] = []
    texts: dict[str, list[int]] = {}
    start = threading.Barrier(3)

    def work(name: str) -> None:
        start.wait()
        texts[name] = [t.id for t in greedy_tokens(model, name, 30, order)]

    threads = [threading.Thread(target=work, args=(name,)) for name in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == alone
    middle = order[15:60]
    assert all(20 / 3 < middle.count(name) < 25 for name in alone), "no thread is left behind"


def greedy_tokens(model: LocalModel, name: str, n: int, order: list[str] | None = None) -> list[TokenAdded]:
    branches = read(model, say(name)).fork([name])
    tokens = []
    for event in model.decode(branches, GREEDY, node="q", max_new_tokens=n, seed=0):
        if isinstance(event, TokenAdded):
            tokens.append(event)
            if order is not None:
                order.append(name)
                time.sleep(0.001)
    return tokens


# --- what is no distribution ------------------------------------------------------------------------------


def test_nan_is_an_error_in_the_prompt_and_in_the_text() -> None:
    model = make_model("llama")
    branches = read(model, PROMPT).fork(["q/a"])
    with torch.no_grad():
        model.network._model.lm_head.weight[7] = math.nan
    with pytest.raises(ModelError, match=r"not a distribution") as caught:
        run(model.decode(branches, GREEDY, node="q", max_new_tokens=5, seed=0))
    assert "'q/a'" in caught.value.message
    model.network.readings.clear()
    with pytest.raises(ModelError, match="after the prompt are not a distribution"):
        run(model.prefill(PROMPT, node="q", purpose="test"))


def test_impossible_tokens_have_no_part_in_the_entropy() -> None:
    logits = torch.tensor([[0.0, -math.inf, 0.0, -math.inf], [1.0, 2.0, 3.0, 4.0]])
    impossible, plain = look(logits, 4, GREEDY, [], {})
    assert impossible[3] == pytest.approx(1.0)
    assert impossible[4] == 0
    assert plain[3] == pytest.approx(measure(logits[1], 0).entropy, abs=1e-6)


def test_look_prefers_the_lower_id_among_equals() -> None:
    logits = torch.zeros(1, 400)
    logits[0, [300, 17, 120]] = 5.0
    [seen] = look(logits, 3, GREEDY, [], {})
    assert seen[0] == 17
    assert seen[TOP : TOP + 3] == [17, 120, 300]
    [seen] = look(logits.half(), 3, GREEDY, [], {0: 399})
    assert (seen[0], seen[1]) == (399, pytest.approx(measure(logits[0], 399).logprob, abs=1e-5))


def test_half_precision_is_measured_in_float32() -> None:
    logits = torch.randn(2, 5000, generator=torch.Generator().manual_seed(1)).mul(4).bfloat16()
    for row, seen in zip(logits.float(), look(logits, 10, GREEDY, [], {}), strict=True):
        expected = measure(row, int(seen[0]))
        assert seen[1] == pytest.approx(expected.logprob, abs=1e-5)
        assert seen[3] == pytest.approx(expected.entropy, abs=1e-4)
        assert seen[4] == pytest.approx(expected.margin, abs=1e-5)
