"""The prompts of voting, revising and searching: they show a question with somebody's work on it and ask for one thing.

Knows only texts and messages, like the package. What was written before is shown as it was written.
"""

from __future__ import annotations

from collections.abc import Sequence

from playground.prompts import texts
from playground.prompts.messages import Message, Prompt


def _ask(question: str, shown: str, request: str, *, prefill: str = "") -> Prompt:
    return Prompt((Message("user", "\n".join(part for part in (question, shown, request) if part)),), prefill)


def _answer(text: str) -> str:
    return f"Answer: {text.strip()}"


def _steps(steps: Sequence[str]) -> str:
    return "\n".join(["Steps so far:", *(steps or (texts.NO_STEPS,))])


def review(question: str, answer: str) -> Prompt:
    """Ask for a check of an answer that ends with a verdict (filter-vote, Chen et al. 2024, §3)."""
    return _ask(question, _answer(answer), texts.REVIEW)


def judge(question: str, answer: str, *, prefill: bool = True) -> Prompt:
    """Ask for the verdict alone; with `prefill` the next word written is "correct" or "wrong"."""
    return _ask(question, _answer(answer), texts.JUDGE, prefill="[[" if prefill else "")


def revise(question: str, attempts: Sequence[str]) -> Prompt:
    """Ask for a further answer, earlier ones in view, oldest first (Snell et al. 2024, §6)."""
    if not attempts:
        return _ask(question, "", "")
    shown = "\n".join(f"Attempt {i}: {text.strip()}" for i, text in enumerate(attempts, 1))
    return _ask(question, shown, texts.REVISE)


def critique(question: str, answer: str) -> Prompt:
    """Ask what is wrong in an answer (Madaan et al. 2023, §2)."""
    return _ask(question, _answer(answer), texts.CRITIQUE)


def correct(question: str, answer: str, critique: str) -> Prompt:
    """Ask for the answer again with what was found wrong in it."""
    return _ask(question, f"{_answer(answer)}\nCritique: {critique.strip()}", texts.CORRECT)


def next_step(question: str, steps: Sequence[str]) -> Prompt:
    """Ask for one step more, or for the answer."""
    return _ask(question, _steps(steps), texts.NEXT_STEP)


def go_on(question: str, steps: Sequence[str]) -> Prompt:
    """Ask for everything that comes after the steps, the answer included."""
    return _ask(question, _steps(steps), texts.GO_ON)


def propose(question: str, steps: Sequence[str], n: int) -> Prompt:
    """Ask for `n` different next steps (Yao et al. 2023, §3, "propose prompt")."""
    return _ask(question, _steps(steps), texts.PROPOSE.format(n=n))


def value(question: str, steps: Sequence[str]) -> Prompt:
    """Ask whether the steps can still end well: one of `texts.VALUES` (Yao et al. 2023, §3)."""
    return _ask(question, _steps(steps), texts.VALUE)


def vote(question: str, candidates: Sequence[Sequence[str]]) -> Prompt:
    """Ask for the number of the most promising of several ways to have begun (Yao et al. 2023, §3)."""
    shown = "\n".join(f"{i}: {' '.join(steps)}" for i, steps in enumerate(candidates, 1))
    return _ask(question, shown, texts.VOTE)


def decompose(question: str) -> Prompt:
    """Ask for smaller questions, simplest first (Zhou et al. 2023, §2)."""
    return _ask(question, "", texts.DECOMPOSE)


def subquestion(question: str, solved: Sequence[tuple[str, str]], asked: str) -> Prompt:
    """Ask a smaller question about `question`, the smaller ones before it with their answers in view."""
    turns: list[Message] = []
    for i, (before, reply) in enumerate(solved):
        turns += [
            Message("user", f"{question}\n{before}" if i == 0 else before),
            Message("assistant", reply.strip()),
        ]
    return Prompt((*turns, Message("user", asked if solved else f"{question}\n{asked}")))
