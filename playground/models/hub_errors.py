"""What the hub refused or could not do, as our own errors with what to do about it.

Boundary: sorts errors that huggingface_hub and its connections raise; makes no request, imports no torch.
"""

from __future__ import annotations

import os

from playground.errors import BadInput, DownloadStopped, ModelError, PlaygroundError, UnknownName

KNOWN = ["embedded", "an id such as Qwen/Qwen2.5-0.5B-Instruct"]


def chain(error: BaseException | None) -> list[BaseException]:
    """An error and all that led to it, the latest first."""
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def unreachable(name: str, *, off: bool = False) -> ModelError:
    """`off`: nobody tried, because downloads are switched off."""
    if off:
        return ModelError(
            f"{name} is not on this machine, and downloads are switched off.",
            "Unset HF_HUB_OFFLINE and PLAYGROUND_OFFLINE once to fetch it, or give a directory.",
        )
    return ModelError(
        f"{name} is not on this machine, and Hugging Face cannot be reached.",
        "Connect to the network once to download it, give a directory, or choose the embedded model.",
    )


def from_hub(name: str, error: BaseException) -> PlaygroundError | None:
    """Our error for one of the hub's; None where it is none of them."""
    import httpx2 as httpx
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    links = chain(error)

    def any_is(*kinds: type[BaseException]) -> bool:
        return any(isinstance(link, kinds) for link in links)

    if any_is(GatedRepoError):
        terms = f"https://huggingface.co/{name}"
        hint = (
            f"Accept its terms at {terms} with the account that the token in HF_TOKEN belongs to."
            if os.environ.get("HF_TOKEN")
            else f"Accept its terms at {terms} and set HF_TOKEN."
        )
        return ModelError(f"{name} is gated: its owner lets in only those who asked.", hint)
    status = next((link.response.status_code for link in links if isinstance(link, HfHubHTTPError)), None)
    if any_is(RepositoryNotFoundError):
        unknown = UnknownName("model on Hugging Face", name, KNOWN)
        if not os.environ.get("HF_TOKEN"):
            unknown.hint += " A private one wants HF_TOKEN."
        return unknown
    if any_is(HFValidationError):
        return BadInput(f"{name!r} is no Hugging Face id.", "Give one such as Qwen/Qwen2.5-0.5B-Instruct.")
    if any_is(OfflineModeIsEnabled):
        return unreachable(name, off=True)
    if status == 401:
        return ModelError("Hugging Face does not take the token in HF_TOKEN.", "Make a new one, or unset it.")
    if status == 403:
        return ModelError(
            f"The token in HF_TOKEN may not read {name}.",
            "Give it the right to read gated and private models.",
        )
    if status is not None:
        return DownloadStopped(
            f"Hugging Face answered {status} when asked for {name}.", "Wait a little and try again."
        )
    if any_is(httpx.ConnectError, LocalEntryNotFoundError, ConnectionError):
        return unreachable(name)
    if any_is(httpx.TransportError):
        return DownloadStopped(
            f"The connection broke while {name} was being fetched.",
            "Start it again: it goes on where it was.",
        )
    return None


def explain(name: str, error: BaseException) -> PlaygroundError:
    """Our error for whatever ended a download."""
    found = from_hub(name, error)
    if found is not None:
        return found
    said = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    return DownloadStopped(
        f"{name} could not be fetched: {said}.", "Start it again: it goes on where it was."
    )
