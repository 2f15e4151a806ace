"""The command line's part about what is saved: `sessions` and `runs`.

Boundary: parse, call the store and the exchange, print. Exit codes and errors are those of `playground.cli`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import click

from playground import exchange
from playground.errors import BadInput
from playground.exchange import form
from playground.exchange.writing import log_of
from playground.settings import settings
from playground.store import SavedRun, Session, Store, Wanted
from playground.store.sessions import Mark
from playground.summary import summarise
from playground.trace import Trace, fold

FORMATS: dict[str, Callable[[Store, Sequence[str]], bytes]] = {
    "json": exchange.to_json,
    "csv": exchange.to_csv,
    "md": lambda store, ids: exchange.to_markdown(store, ids).encode(),
    "html": exchange.to_html,
}


@contextmanager
def saved() -> Iterator[Store]:
    """The store, closed afterwards."""
    store = Store(settings().database)
    try:
        yield store
    finally:
        store.close()


def print_json(value: Any) -> None:
    """One line that any program can parse, readable where it can be."""
    text = json.dumps(form.free(value), ensure_ascii=False, allow_nan=False)
    click.echo(text.encode("utf-8", "backslashreplace"))  # half a character is \udxxx in JSON and in Python


def shown(text: str, limit: int = 60) -> str:
    """A text on one line of a terminal, without what would steer it."""
    flat = "".join(c if c.isprintable() else "�" for c in " ".join(text.split()))
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


@click.group()
def sessions() -> None:
    """List, show, export and import saved sessions."""


@sessions.command("list")
@click.option("--text", default="", help="Words in questions, answers, texts, names, notes and tags.")
@click.option("--tag", default=None)
@click.option("--strategy", default=None)
@click.option("--model", default=None)
@click.option("--mark", default=None, type=click.Choice(get_args(Mark)), help="Of one of its runs.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 1_000_000), help="Rows to print."
)
@click.option(
    "--skip",
    default=0,
    show_default=True,
    type=click.IntRange(0, 1_000_000_000),
    help="Rows to leave out first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_sessions(
    text: str,
    tag: str | None,
    strategy: str | None,
    model: str | None,
    mark: Mark | None,
    limit: int,
    skip: int,
    as_json: bool,
) -> None:
    """List the saved sessions, newest first."""
    wanted = Wanted(text, tag, strategy, model, mark)
    with saved() as store:
        found, count = store.sessions.find(wanted, limit=limit, offset=skip), store.sessions.count(wanted)
    if as_json:
        print_json([asdict(session) for session in found])
        return
    for session in found:
        click.echo(
            f"{session.id:<12}  {when(session.created)}  {runs_and_marks(session):<24}  {shown(session.name)}"
        )
    if (left := count - skip - len(found)) > 0:
        click.echo(f"{left:,} more; --skip {skip + len(found)} goes on.", err=True)


def runs_and_marks(session: Session) -> str:
    marks = [
        f"{number} {word}" for number, word in ((session.right, "right"), (session.wrong, "wrong")) if number
    ]
    return ", ".join([f"{len(session.runs)} run{'s' * (len(session.runs) != 1)}", *marks])


def when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


@sessions.command("show")
@click.argument("session")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show_session(session: str, as_json: bool) -> None:
    """Show SESSION with its note, its tags and its runs."""
    with saved() as store:
        found, runs = store.sessions.get(session), store.runs_in(session)
    if as_json:
        print_json(asdict(found) | {"runs": [asdict(run) for run in runs]})
        return
    click.secho(shown(found.name, 200), bold=True)
    click.echo(
        f"{when(found.created)}, {runs_and_marks(found)}, {found.tokens} tokens, {found.seconds:.2f} s"
    )
    if found.tags:
        click.echo(f"Tags: {shown(', '.join(found.tags), 2000)}")
    if found.note:
        click.echo(f"Note: {shown(found.note, 20_000)}")
    for run in runs:
        click.echo(
            f"{run.id:<12}  {run.status:<11}  {run.strategy:<18}  {mark_of(run):<8}  {shown(run.answer or '')}"
        )


def mark_of(run: SavedRun) -> str:
    return {True: "right", False: "wrong", None: ""}[run.correct]


@sessions.command("export")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All sessions, newest first.")
@click.option(
    "--format", "kind", default=None, type=click.Choice(list(FORMATS)), help="By the name of -o, or json."
)
@click.option(
    "-o", "--output", default=None, type=click.Path(path_type=Path), help="A file; else standard output."
)
def export_sessions(ids: tuple[str, ...], every: bool, kind: str | None, output: Path | None) -> None:
    """Write sessions as JSON (which `import` reads), CSV, Markdown or one HTML file that opens anywhere.

    More JSON than one file may hold becomes several, numbered, where -o says how to name them.
    """
    if bool(ids) == every:
        raise BadInput("Which sessions?", "Name their ids (see: sessions list), or give --all.")
    ending = output.suffix.removeprefix(".").lower() if output else ""
    kind = kind or (ending if ending in FORMATS else "json")
    with saved() as store:
        chosen = store.sessions.ids() if every else ids
        if output is None:
            click.echo(FORMATS[kind](store, chosen), nl=False)
        elif kind == "json":
            write_all(output, exchange.in_files(store, chosen))
        else:
            write(output, FORMATS[kind](store, chosen))


def write_all(output: Path, files: Iterator[bytes]) -> None:
    """One file under this name, or several with a number in it."""
    written: list[Path] = []
    first = next(files)
    for number, data in enumerate(files, 2):
        if number == 2:
            written.append(write(numbered(output, 1), first))
        written.append(write(numbered(output, number), data))
    if not written:
        write(output, first)
        return
    click.echo(
        f"{written[0]} to {written[-1].name}: {len(written)} files, because one would be too large to be brought in "
        "again. Give them all to: sessions import.",
        err=True,
    )


def numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number:03}{path.suffix}")


def write(path: Path, data: bytes) -> Path:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written: {error.strerror}.", "Choose another place for -o."
        ) from error
    return path


@sessions.command("import")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE...")
def import_sessions(files: tuple[Path, ...]) -> None:
    """Take the sessions of each FILE, an export in JSON, into the saved ones: all of them, or none after an error."""
    with saved() as store:
        for file in files:
            done = exchange.bring_in(store, read(file, named=len(files) > 1))
            begin = f"{file}: " if len(files) > 1 else ""
            click.echo(
                f"{begin}{len(done.sessions)} session{'s' * (len(done.sessions) != 1)}: {outcome(done)}."
            )


def read(file: Path, *, named: bool) -> exchange.Bundle:
    """What is in a file; with `named`, an error says in which."""
    try:
        with file.open("rb") as opened:
            data = opened.read(exchange.MOST_BYTES + 1)
    except OSError as error:
        raise BadInput(
            f"{file} cannot be read: {error.strerror}.", "Give the path of an exported file."
        ) from error
    try:
        return exchange.read_json(data)
    except BadInput as error:
        raise BadInput(f"{file}: {error.message}" if named else error.message, error.hint) from error


def outcome(done: exchange.Imported) -> str:
    parts = [f"{done.new} new run{'s' * (done.new != 1)}"]
    if done.renamed:
        parts.append(f"{done.renamed} of them under another id")
    if done.already_there:
        parts.append(f"{done.already_there} already there")
    return ", ".join(parts)


@sessions.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of the exported JSON."""
    from playground.exchange import schema

    click.echo(schema.text(), nl=False)


@click.group()
def runs() -> None:
    """Look at saved runs."""


@runs.command("show")
@click.argument("run_id")
@click.option("--events", is_flag=True, help="Every event of the run, one a line, as [time, event].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; with --events, a JSON list.")
def show_run(run_id: str, events: bool, as_json: bool) -> None:
    """Show what RUN_ID asked, wrote, answered and cost."""
    with saved() as store:
        run, trace = store.run(run_id), store.trace(run_id)
        log = log_of(store, run) if events or not trace.started else ()
    if events:
        lines = [form.line(timed) for timed in log]
        click.echo("[" + ",\n".join(lines) + "]" if as_json else "\n".join(lines))
    elif as_json:
        print_json(
            {"session": run.session, "created": run.created, "question": run.question} | summarise(trace)
        )
    else:
        echo_run(run, trace if trace.started else fold(event for _, event in log))


def echo_run(run: SavedRun, trace: Trace) -> None:
    """A run for a terminal."""
    click.secho(shown(run.question, 20_000), bold=True)
    click.echo(f"{run.strategy} on {shown(run.model)}, seed {run.seed}, {when(run.created)}, {run.status}")
    for node in trace.nodes.values():
        if text := node.content or node.text:
            mark = "*" if node.status == "chosen" else " "
            facts = [node.answer.text] if node.answer else []
            facts += [f"{by} {score.value:.3f}" for by, score in node.scores.items()]
            click.echo(f"{mark} {shown(node.title or node.id)}: {shown(text, 20_000)}")
            click.echo(f"    {shown(', '.join(facts), 200)}" if facts else "", nl=bool(facts))
    click.secho(f"Answer: {shown(run.answer, 20_000) if run.answer is not None else None}", bold=True)
    if run.confidence is not None:
        click.echo(f"Confidence: {run.confidence:.3f} ({trace.answered and trace.answered.confidence_kind})")
    if run.correct is not None:
        click.echo("Right." if run.correct else "Wrong.")
    if run.error:
        click.echo(f"Failed: {shown(run.error, 2000)}")
    click.echo(
        f"{run.calls} calls, {run.prompt_tokens} prompt tokens, {run.completion_tokens} completion tokens, "
        f"{run.forward_passes} forward passes, {run.seconds:.2f} s. Run {run.id}, session {run.session}."
    )
