"""The command line: parse, call the engine, print. The same engine as the pages, without streamlit.

Boundary: no algorithm and no prompt lives here. Anything a person can mend is one line on standard error and
exit code 2; an interrupted run exits with 130.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
from pydantic_core import PydanticUndefined

from playground import cli_models, cli_sessions, extensions
from playground import puzzles as puzzle_room
from playground.errors import BadInput, PlaygroundError
from playground.events import Record, TextAdded, Titled, TokenAdded
from playground.execute import RunSpec
from playground.models import catalog
from playground.runner import InThread, Runner
from playground.sampling import Sampling
from playground.settings import settings
from playground.store import Store
from playground.strategies import Strategy, offered
from playground.summary import summarise
from playground.trace import Trace


def main() -> None:
    """Run the command line; never shows a traceback for something a person can mend."""
    try:
        cli.main(standalone_mode=False)
    except PlaygroundError as error:
        fail(error.message, error.hint)
    except click.UsageError as error:
        fail(
            error.format_message(),
            "See --help." if not error.ctx else f"See: {error.ctx.command_path} --help.",
        )
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
    finally:
        for broken in () if sys.stderr.closed else extensions.broken():
            click.echo(f"Note: {broken.message} {broken.hint}", err=True)


def fail(message: str, hint: str = "") -> None:
    click.echo(f"{message} {hint}".strip().replace("\n", " "), err=True)
    sys.exit(2)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Watch language models reason and decode."""


cli.add_command(cli_models.models)
cli.add_command(cli_sessions.sessions)
cli.add_command(cli_sessions.runs)


def strategy_options(command: Callable[..., None]) -> Callable[..., None]:
    """A flag for every setting of every strategy; a strategy refuses those that are not its own."""
    flags: dict[str, tuple[list[str], bool]] = {}
    for strategy in offered().values():
        for name, info in strategy.params.model_fields.items():
            if strategy.on_form(name):
                users, _ = flags.setdefault(name, ([], info.annotation is bool))
                users.append(strategy.name)
    for name, (users, switch) in sorted(flags.items(), reverse=True):
        flag = "--" + name.replace("_", "-")
        declaration = f"{flag}/--no-{name.replace('_', '-')}" if switch else flag
        help_text = "All strategies." if len(users) == len(offered()) else f"For {', '.join(users)}."
        command = click.option(declaration, name, default=None, type=bool if switch else str, help=help_text)(
            command
        )
    return command


@cli.command()
@click.argument("question")
@cli_models.model_options
@click.option("--strategy", default="cot-decoding", show_default=True, help="See: strategies.")
@click.option("--seed", default=0, show_default=True, type=int, help="The seed of all draws.")
@click.option("--gold", default=None, help="The right answer, where it is known; the run is then marked.")
@click.option("--budget", default=None, help="tokens=500, calls=5 or seconds=2.5; the run stops there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@strategy_options
def ask(
    question: str,
    model: str,
    strategy: str,
    seed: int,
    gold: str | None,
    budget: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Answer QUESTION, showing the reasoning; the run is saved."""
    params = {name: value for name, value in flags.items() if value is not None}
    cli_models.fetch(model)
    store = Store(settings().database)
    runner = Runner(store, InThread(catalog.load))
    try:
        spec = RunSpec(question, strategy, model, params, seed, gold, budget=read_budget(budget))
        run_id = runner.start(spec)
        trace = follow(runner.watch(run_id), show=not as_json)
    except KeyboardInterrupt:
        runner.cancel(run_id)
        raise
    finally:
        runner.close()
    if trace.failure:
        fail(trace.failure.message, trace.failure.hint)
    if as_json:
        click.echo(json.dumps(summarise(trace), ensure_ascii=False))
    else:
        show_result(trace)


def read_budget(text: str | None) -> dict[str, float] | None:
    """ "tokens=500" as a run takes it; what the words mean is checked when it starts."""
    if text is None:
        return None
    unit, _, amount = text.partition("=")
    try:
        return {unit.strip(): float(amount)}
    except ValueError as error:
        raise BadInput(f"{text!r} is no budget.", "Give one such as tokens=500.") from error


def follow(records: Iterator[Record], *, show: bool) -> Trace:
    """Fold the run as it happens; with `show`, print what one person can read along: the text of a lone branch
    token by token, and titled steps as they are finished."""
    trace = Trace()
    for record in records:
        trace.apply(record)
        if not show:
            continue
        event = record.event
        if isinstance(event, TokenAdded | TextAdded) and len(trace.with_role("branch")) == 1:
            click.echo(event.text, nl=False)
        elif isinstance(event, Titled):
            click.secho(event.title, bold=True)
            click.echo(f"  {event.content}")
    return trace


def show_result(trace: Trace) -> None:
    """The branches, the answer and what it cost, for a terminal."""
    branches = trace.with_role("branch")
    click.echo()
    if len(branches) > 1:
        for node in sorted(branches, key=lambda n: -score(n.scores)):
            mark = "*" if node.status == "chosen" else " "
            answer = node.answer.text if node.answer else "no answer"
            click.echo(f"{mark} {score(node.scores):6.3f}  {answer:>12}  {' '.join(node.text.split())}")
        click.echo()
    result = summarise(trace)
    confidence = result["confidence"]
    if trace.stopped:
        click.echo(f"Stopped: {trace.stopped}.")
    click.secho(f"Answer: {result['answer']}", bold=True)
    if confidence is not None:
        click.echo(f"Confidence: {confidence:.3f} ({result['confidence_kind']})")
    if result["correct"] is not None:
        click.echo("Right." if result["correct"] else "Wrong.")
    used = result["usage"]
    passes = "unknown" if used["forward_passes"] is None else used["forward_passes"]
    click.echo(
        f"{used['calls']} calls, {used['prompt_tokens']} prompt tokens, {used['completion_tokens']} completion "
        f"tokens, {passes} forward passes, {used['seconds']:.2f} s. Run {trace.run_id}."
    )
    for warning in result["warnings"]:
        click.echo(f"Note: {warning}", err=True)


def score(scores: dict[str, Any]) -> float:
    found = scores.get("delta")
    return found.value if found else 0.0


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with each one's parameters.")
def strategies(as_json: bool) -> None:
    """List the strategies."""
    listed = [describe(strategy) for strategy in offered().values()]
    if as_json:
        click.echo(json.dumps(listed, ensure_ascii=False))
        return
    for item in listed:
        click.secho(f"{item['name']}  ({item['title']})", bold=True)
        click.echo(f"  {item['summary']}")
        click.echo(f"  settings: {', '.join(item['params'])}")


def describe(strategy: Strategy) -> dict[str, Any]:
    """A strategy and its settings as plain values."""
    schema = strategy.params.model_json_schema()["properties"]
    shown = {
        name: {
            key: value
            for key, value in schema[name].items()
            if key not in ("title", "form", "multiline", "when")
        }
        for name, info in strategy.params.model_fields.items()
        if strategy.on_form(name)
    }
    for name, entry in shown.items():
        default = strategy.params.model_fields[name].get_default(call_default_factory=True)
        if default is not PydanticUndefined:
            entry["default"] = default
    return {
        "name": strategy.name,
        "title": strategy.title,
        "summary": strategy.summary,
        "paper": strategy.paper,
        "needs": sorted(strategy.needs),
        "params": shown,
    }


@cli.command()
@click.argument("family")
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(1, 100_000), help="How many.")
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("--difficulty", default=None, type=int, help="Leave out for a mix.")
def puzzles(family: str, count: int, seed: int, difficulty: int | None) -> None:
    """Print puzzles of FAMILY as JSON lines; no model has trained on them."""
    for puzzle in puzzle_room.generate(family, count, seed=seed, difficulty=difficulty):
        line = {
            "question": puzzle.question,
            "answer": puzzle.answer,
            "family": puzzle.family,
            "difficulty": puzzle.difficulty,
        }
        click.echo(json.dumps(line, ensure_ascii=False))


@cli.command()
@click.argument("prompt")
@cli_models.model_options
@click.option("--temperature", default=1.0, show_default=True, type=float)
@click.option("--top-p", default=1.0, show_default=True, type=float)
@click.option("--top-k", default=0, show_default=True, type=int)
@click.option("--min-p", default=0.0, show_default=True, type=float)
@click.option(
    "--top", default=20, show_default=True, type=click.IntRange(1, 1_000_000), help="Rows to print."
)
@click.option("--as-question", is_flag=True, help="Read PROMPT as a question in the model's own chat form.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def logits(
    prompt: str,
    model: str,
    temperature: float,
    top_p: float,
    top_k: int,
    min_p: float,
    top: int,
    as_question: bool,
    as_json: bool,
) -> None:
    """Show what may come after PROMPT: raw and scaled logits, probability before and after, kept or cut."""
    from playground.lens import next_token_table

    if not prompt:
        raise BadInput("The prompt is empty.", "Give some text to continue.")
    sampling = Sampling(True, temperature, top_k, top_p, min_p)
    cli_models.fetch(model)
    table = next_token_table(catalog.load(model), prompt, sampling, top=top, as_question=as_question)
    if as_json:
        click.echo(json.dumps(table, ensure_ascii=False))
        return
    click.echo(f"{'token':>16} {'logit':>9} {'logit/T':>9} {'p before':>9} {'p after':>9}")
    for row in table["tokens"]:
        mark = "" if row["kept"] else f"  cut by {row['cut_by']}"
        click.echo(
            f"{row['text']!r:>16} {row['logit']:9.3f} {row['scaled_logit']:9.3f} "
            f"{row['probability_before']:9.4f} {row['probability']:9.4f}{mark}"
        )
    rest = table["rest"]
    click.echo(
        f"{'rest':>16} {rest['count']:>9} tokens {rest['probability_before']:11.4f} {rest['probability']:9.4f}"
    )
