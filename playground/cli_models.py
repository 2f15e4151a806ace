"""The command line's part about models: choosing one, listing, downloading and removing them.

Boundary: parse, call the catalogue, print. Exit codes and errors are those of `playground.cli`.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import click

from playground.errors import BadInput, DownloadStopped
from playground.models import ModelInfo, catalog, choice, downloaded
from playground.models.downloads import shared
from playground.models.fetching import Progress
from playground.models.memory import in_words

_LOOKS = 0.2


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--model, and for a local one --device, --dtype and --bits, for one on a server --base-url; the command gets them
    as one name, `model`."""

    @functools.wraps(command)
    def named(
        model: str, device: str | None, dtype: str | None, bits: str | None, base_url: str | None, **rest: Any
    ) -> Any:
        if base_url:
            model = at_server(model, base_url)
        if device or dtype or bits:
            given = choice.read(model)
            model = str(
                replace(
                    given,
                    device=device or given.device,
                    dtype=dtype or given.dtype,
                    bits=int(bits) if bits else given.bits,
                )
            )
        return command(model=model, **rest)

    options = [
        click.option(
            "--model",
            default="embedded",
            show_default=True,
            help="embedded, a Hugging Face id, a directory, groq:NAME, openai:NAME or scripted:FILE. See: models.",
        ),
        click.option(
            "--device", default=None, help="Where a local model computes: cpu, cuda, cuda:1 or mps."
        ),
        click.option("--dtype", type=click.Choice(choice.DTYPES), help="The numbers it computes with."),
        click.option(
            "--base-url",
            default=None,
            help="Address of the server of openai:NAME, such as http://127.0.0.1:8000/v1; OPENAI_BASE_URL if left out.",
        ),
        click.option("--bits", type=click.Choice([str(n) for n in choice.BITS]), help="Bits of a weight."),
    ]
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), named)


def at_server(model: str, base_url: str) -> str:
    """The whole name of a model on a server.

    Raises:
        BadInput: it is no model on a server, or names its server already.
    """
    if not model.startswith("openai:") or "@http" in model:
        raise BadInput(f"--base-url does not go with {model!r}.", "Give it with --model openai:NAME.")
    return f"{model}@{base_url}"


def fetch(model: str) -> None:
    """Download what a model needs and show how far it is; nothing where it is on this machine or lives elsewhere.

    Raises:
        PlaygroundError: it cannot be downloaded, or there is no such model.
    """
    name = catalog.missing(model)
    if name is not None:
        catalog.download(name)
        _follow(name)


def _follow(name: str) -> None:
    """Show a download on standard error until it is over: one line that changes, or in a log a line a file."""
    shows = sys.stderr.isatty()
    told: set[str] = set()
    try:
        while (progress := shared().progress(name)) is not None and progress.active:
            told |= _show(progress, shows, told)
            time.sleep(_LOOKS)
    except KeyboardInterrupt:
        shared().cancel(name)
        raise
    if progress is None:
        return
    _show(progress, shows, told)
    if shows:
        click.echo(err=True)
    if progress.error:
        raise DownloadStopped(progress.error, progress.hint)


def _show(progress: Progress, line: bool, told: set[str]) -> set[str]:
    if line:
        speed = f", {in_words(int(progress.speed))}/s" if progress.speed else ""
        text = f"{progress.name}: {in_words(progress.done)} of {in_words(progress.total)}{speed}"
        click.echo(f"\r{text:<78}", nl=False, err=True)
        return set()
    new = [file for file in progress.files if file.done == file.total and file.name not in told]
    for file in new:
        click.echo(f"{progress.name}: {file.name}, {in_words(file.total)}", err=True)
    return {file.name for file in new}


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with all that is known of each.")
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List models: those on this machine, good small ones to download, and those of servers."""
    if context.invoked_subcommand is not None:
        return
    listed = catalog.list_models(everything=True)
    if as_json:
        click.echo(json.dumps([asdict(info) for info in listed], ensure_ascii=False))
        return
    for info in listed:
        click.secho(f"{info.name}  ({info.title})", bold=True)
        click.echo(f"  {'; '.join(about(info))}")
    click.echo("Any Hugging Face id or directory of a causal language model works too.")


def about(info: ModelInfo) -> list[str]:
    """What there is to know of a model before choosing it, in a few words each."""
    said = []
    if info.parameters is not None:
        said.append(f"{counted(info.parameters)} weights")
    if info.memory_bytes is not None:
        room = "" if info.fits is None else ", fits" if info.fits else ", does not fit now"
        said.append(f"about {in_words(info.memory_bytes)} of memory{room}")
    if info.licence is not None:
        said.append(info.licence + (", gated" if info.gated else ""))
    if not info.downloaded:
        size = f" {in_words(info.download_bytes)}" if info.download_bytes else ""
        said.append(f"to be downloaded{size}")
    return [*said, info.note] if info.note and info.downloaded else said


def counted(weights: int) -> str:
    """ "135 million", "1.7 billion"."""
    return f"{weights / 1e9:.1f} billion" if weights >= 1e9 else f"{weights / 1e6:.0f} million"


@models.command()
@click.argument("name", metavar="ID")
def download(name: str) -> None:
    """Fetch a model from Hugging Face, or what is new of it; goes on where an earlier download stopped."""
    catalog.download(name)
    _follow(choice.read(name).name)
    click.echo(f"{name} is on this machine.")


@models.command()
@click.argument("name", metavar="ID")
@click.option("--yes", is_flag=True, help="Remove it without asking.")
def remove(name: str, yes: bool) -> None:
    """Delete a downloaded model from the cache that all programs of Hugging Face share."""
    if downloaded.storage(name).is_dir() and not yes:
        click.confirm(f"Delete {name} from {downloaded.cache_folder()}?", abort=True, err=True)
    click.echo(f"{in_words(downloaded.remove(name))} are free again.")
