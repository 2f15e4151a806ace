"""Every token and every number against transformers' own `generate`, for several architectures."""

from __future__ import annotations

import pytest
import torch

from playground.events import Spent, TextEnded, TokenAdded
from playground.models.decoding import LocalBranch
from playground.models.local import LocalModel
from playground.sampling import GREEDY, Sampling
from tests.models.tiny import (
    KINDS,
    SLIDING,
    WINDOW,
    assert_same,
    expect,
    make_model,
    measure,
    raw_logits,
    read,
    run,
    say,
    spent,
)

PROMPT = say("The cat sat is 2 + 4?")
LONG = say("The cat sat. " * 3 + "The answer is 2 + 4, so the cat sat is?")
NEW = 16


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest) -> LocalModel:
    return make_model(request.param)


def branches_of(model: LocalModel, k: int = 5, new: int = NEW) -> list[LocalBranch]:
    prefix = read(model, PROMPT)
    branches = prefix.fork([f"q/{i}" for i in range(k)], [a.id for a in prefix.top(k)])
    run(model.decode(branches, GREEDY, node="q", max_new_tokens=new, seed=0))
    return branches  # type: ignore[return-value]


def test_one_branch(model: LocalModel) -> None:
    prefix = read(model, PROMPT)
    assert prefix.token_count == len(prefix.ids) > WINDOW
    [branch] = prefix.fork(["q/a"])
    events, _ = run(model.decode([branch], GREEDY, node="q", max_new_tokens=NEW, seed=0))
    expected = expect(model, prefix.ids, NEW)
    assert_same(branch.tokens, expected)
    assert len({e.id for e in expected}) > 3, "the random model is stuck; choose another seed"
    assert [e for e in events if isinstance(e, TokenAdded)] == list(branch.tokens)
    assert all(t.chosen == "greedy" and t.sampling_logprob is None for t in branch.tokens)
    assert branch.end == "length"
    assert events[-2:] == [TextEnded("q/a", "length"), events[-1]]


def test_alternatives_are_the_likeliest_tokens_in_order(model: LocalModel) -> None:
    prefix = read(model, PROMPT)
    [branch] = prefix.fork(["q/a"])
    run(model.decode([branch], GREEDY, node="q", max_new_tokens=1, seed=0))
    logprobs = torch.tensor(prefix.logits()).double().log_softmax(-1)
    best = logprobs.topk(10)
    [token] = branch.tokens
    assert [a.id for a in token.alternatives] == best.indices.tolist()
    assert [a.logprob for a in token.alternatives] == pytest.approx(best.values.tolist(), abs=1e-4)
    assert [(a.id, a.text) for a in prefix.top(10)] == [(a.id, a.text) for a in token.alternatives]
    assert [a.logprob for a in prefix.top(10)] == pytest.approx(best.values.tolist(), abs=1e-4)


def test_branches_with_forced_first_tokens(model: LocalModel) -> None:
    prefix = read(model, PROMPT)
    first = [a.id for a in prefix.top(5)]
    branches = prefix.fork([f"q/{i}" for i in range(5)], first)
    events, _ = run(model.decode(branches, GREEDY, node="q", max_new_tokens=NEW, seed=0))
    logits = torch.tensor(prefix.logits())
    for branch, id in zip(branches, first, strict=True):
        assert_same(branch.tokens, [measure(logits, id), *expect(model, [*prefix.ids, id], NEW - 1)])
        assert [t.chosen for t in branch.tokens] == ["forced"] + ["greedy"] * (NEW - 1)
    usage = spent(events)
    assert (usage.calls, usage.completion_tokens, usage.forward_passes) == (5, 5 * NEW, NEW - 1)
    assert (usage.prompt_tokens, usage.cached_tokens) == (0, 0)


def test_left_contexts_of_different_length_in_one_decode(model: LocalModel) -> None:
    prefixes = [read(model, prompt) for prompt in (PROMPT, LONG, say("2 + 2"))]
    lengths = [prefix.token_count for prefix in prefixes]
    assert max(lengths) > 2 * WINDOW > WINDOW > min(lengths), lengths
    branches = [
        b for i, p in enumerate(prefixes) for b in p.fork([f"q/{i}a", f"q/{i}b"], [a.id for a in p.top(2)])
    ]
    run(model.decode(branches, GREEDY, node="q", max_new_tokens=NEW, seed=0))
    for i, branch in enumerate(branches):
        ids = [*prefixes[i // 2].ids, branch.tokens[0].id]
        assert_same(branch.tokens[1:], expect(model, ids, NEW - 1))


def late(branch: LocalBranch, place: int) -> int:
    """A token that a branch writes for the first time at `place` or as soon after it as there is one."""
    ids = [t.id for t in branch.tokens]
    return next((id for i, id in enumerate(ids) if i >= place and id not in ids[:i]), ids[place])


@pytest.mark.parametrize("kind", KINDS)
def test_branches_end_at_different_steps(kind: str) -> None:
    plain = branches_of(make_model(kind))
    # Tokens that come at different places in different branches now mean "end of text".
    ends = [late(branch, 3 + 3 * i) for i, branch in enumerate(plain[:3])]
    model = make_model(kind, ends=ends)
    prefix = read(model, PROMPT)
    branches = prefix.fork([b.node for b in plain], [b.tokens[0].id for b in plain])
    events, _ = run(model.decode(branches, GREEDY, node="q", max_new_tokens=NEW, seed=0))
    written = 0
    for branch, before in zip(branches, plain, strict=True):
        ids = [t.id for t in before.tokens]
        place = next((i for i, id in enumerate(ids) if id in ends), None)
        assert [t.id for t in branch.tokens] == ids[:place]
        assert branch.end == ("length" if place is None else "stop")
        if place is None or place > 1:
            expected = expect(model, [*prefix.ids, ids[0]], NEW - 1, ends)
            assert_same(branch.tokens[1:], expected if place is None else expected[:-1])
        written += NEW if place is None else place + 1
    assert len({len(b.tokens) for b in branches}) >= 3
    assert spent(events).completion_tokens == written, "the token that ends a text is counted"
    assert sum(isinstance(e, TextEnded) for e in events) == len(branches)


def test_forced_text_is_measured_and_decoding_goes_on(model: LocalModel) -> None:
    prefix = read(model, PROMPT)
    branches = prefix.fork([f"q/{i}" for i in range(3)], [a.id for a in prefix.top(3)])
    for n, branch in enumerate(branches):
        run(model.decode([branch], GREEDY, node="q", max_new_tokens=4 + n, seed=0))
        branch.force(" so the answer is")
        assert branch.end is None
    events, _ = run(model.decode(branches, GREEDY, node="q", max_new_tokens=10, seed=0))
    forced = model.text.encode(" so the answer is")
    for n, branch in enumerate(branches):
        written = [t.id for t in branch.tokens]
        assert written[4 + n : 4 + n + len(forced)] == forced
        ids = [*prefix.ids, *written[: 4 + n]]
        expected = []
        for id in forced:
            expected.append(measure(raw_logits(model, ids), id))
            ids.append(id)
        expected += expect(model, ids, 10 - len(forced))
        assert_same(branch.tokens[4 + n :], expected)
        assert branch.text.count(" so the answer is") == 1
    usage = spent(events)
    assert usage.calls == 0, "a branch is one call, however often it goes on"
    assert usage.completion_tokens == 30


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_a_branch_goes_on_after_its_end(kind: str) -> None:
    plain = branches_of(make_model(kind), k=2)
    end = late(plain[0], 3)
    model = make_model(kind, ends=[end])
    prefix = read(model, PROMPT)
    [branch] = prefix.fork(["q/0"], [plain[0].tokens[0].id])
    run(model.decode([branch], GREEDY, node="q", max_new_tokens=NEW, seed=0))
    before = [t.id for t in plain[0].tokens]
    n = before.index(end)
    assert branch.end == "stop"
    assert [t.id for t in branch.tokens] == before[:n]
    branch.force(" the")
    events, _ = run(model.decode([branch], GREEDY, node="q", max_new_tokens=3, seed=0))
    ids = [*prefix.ids, *before[:n]]
    the = model.text.encode(" the")[0]
    expected = [measure(raw_logits(model, ids), the), *expect(model, [*ids, the], 2, model.ends)]
    assert_same(branch.tokens[n:], expected[: len(branch.tokens) - n])
    # Its next-token logits were remembered, so nothing is read twice.
    assert spent(events).forward_passes == len([e for e in events if isinstance(e, Spent)]) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_read_is_reused_with_equal_results(kind: str) -> None:
    fresh, warm = make_model(kind, cache_tokens=0), make_model(kind)
    first = read(warm, PROMPT)
    events, again = run(warm.prefill(PROMPT, node="q", purpose="again"))
    usage = spent(events)
    assert (usage.prompt_tokens, usage.cached_tokens, usage.forward_passes) == (
        len(first.ids),
        len(first.ids),
        0,
    )
    assert (again.logits() == first.logits()).all()
    longer = say("The cat sat is 2 + 4? The cat sat.")
    events, extended = run(warm.prefill(longer, node="q", purpose="extended"))
    usage = spent(events)
    # "…4?\nA:" and "…4? The" part before the end, and a full window cannot be shortened.
    assert usage.cached_tokens == (0 if kind in SLIDING else len(first.ids) - 3)
    assert usage.forward_passes == 1
    assert extended.logits() == pytest.approx(read(fresh, longer).logits(), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_is_the_beginning_of_the_next_prompt(kind: str) -> None:
    fresh, warm = make_model(kind, cache_tokens=0), make_model(kind)
    [branch] = read(warm, PROMPT).fork(["q/a"])
    branch.force(" the cat sat is")
    run(warm.decode([branch], GREEDY, node="q", max_new_tokens=4, seed=0))
    follow = say("The cat sat is 2 + 4?", prefill="the cat sat is the answer")
    events, prefix = run(warm.prefill(follow, node="q", purpose="next"))
    usage = spent(events)
    assert usage.cached_tokens == len(prefix.ids) - 3, "all but the reply's last token and the two new ones"
    assert prefix.logits() == pytest.approx(read(fresh, follow).logits(), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_memory_branches_are_read_again(kind: str) -> None:
    warm, forgetful = make_model(kind), make_model(kind, cache_tokens=0)
    texts = []
    for model in (warm, forgetful):
        branches = read(model, PROMPT).fork(["q/a", "q/b"], [3, 70])
        for new in (3, 5, 2):
            events, _ = run(model.decode(branches, GREEDY, node="q", max_new_tokens=new, seed=0))
        texts.append([[t.id for t in b.tokens] for b in branches])
        passes = spent(events).forward_passes
        assert passes == (2 if model is warm else 3)
    assert texts[0] == texts[1]


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_long_prompts_are_read_in_pieces(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(make_model(kind), LONG)
    monkeypatch.setattr("playground.models.network.CHUNK", 7)
    events, pieces = run(make_model(kind).prefill(LONG, node="q", purpose="pieces"))
    assert pieces.logits() == pytest.approx(whole.logits(), abs=1e-4)
    usage = spent(events)
    assert usage.forward_passes == -(-whole.token_count // 7)
    assert usage.prompt_tokens == whole.token_count


@pytest.mark.parametrize("kind", KINDS)
def test_draws_do_not_depend_on_the_company(kind: str) -> None:
    sampling = Sampling(True, 0.9, top_p=0.95)
    together = read(model := make_model(kind), PROMPT).fork([f"q/{i}" for i in range(4)])
    run(model.decode(together, sampling, node="q", max_new_tokens=NEW, seed=11))
    for i in (3, 0):
        [alone] = read(model := make_model(kind), PROMPT).fork([f"q/{i}"])
        # In two calls, too: a draw belongs to the place of its token.
        for new in (5, NEW - 5):
            run(model.decode([alone], sampling, node="q", max_new_tokens=new, seed=11))
        assert [t.id for t in alone.tokens] == [t.id for t in together[i].tokens]
    assert len({tuple(t.id for t in b.tokens) for b in together}) == 4
    token = together[0].tokens[0]
    assert token.chosen == "sampled"
    assert token.sampling_logprob is not None
    assert token.sampling_logprob <= 0
