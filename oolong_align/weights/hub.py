"""Download model files from the Hugging Face Hub, or a mirror, with huggingface_hub.

``HF_ENDPOINT``, ``HF_TOKEN``, ``HF_HOME``, ``HF_HUB_OFFLINE`` and ``HF_HUB_ETAG_TIMEOUT`` are read at each request.
The caller verifies the downloaded files; checking the metadata first only avoids useless downloads.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from oolong_align.errors import HashMismatchError, ModelError, ModelNotFoundError, UnreachableError
from oolong_align.weights.manifest import HubSource, ModelFile

T = TypeVar("T")

_ENDPOINT: Final = "https://huggingface.co"
_ANSWER_S: Final = 4.0  # then the next source is tried
_POLL_S: Final = 0.2
_REMEMBERED_S: Final = 300.0
_OFFLINE: Final = "not in the Hugging Face cache, and HF_HUB_OFFLINE prevents a download"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

_unreachable: dict[str, float] = {}


def hub_endpoint() -> str:
    """URL of the Hub, without a trailing slash."""
    return (os.environ.get("HF_ENDPOINT") or _ENDPOINT).rstrip("/")


def fetch_from_hub(source: HubSource, folder: Path, report: Callable[[int], None]) -> None:
    """Download the files of a source into a folder.

    Parameters
    ----------
    folder : Path
        Empty folder.
    report : callable
        Called repeatedly as ``report(done_bytes)`` from the calling thread.

    Raises
    ------
    ModelError
        If the Hub is unreachable, denies access, lacks a file, or has a file with another size or hash.
    """
    from huggingface_hub.errors import HfHubHTTPError

    if _from_hub_cache(source, folder):
        return
    endpoint = hub_endpoint()
    if _is_true("HF_HUB_OFFLINE") or _is_true("TRANSFORMERS_OFFLINE"):
        raise UnreachableError(_OFFLINE)
    if time.monotonic() - _unreachable.get(endpoint, -_REMEMBERED_S) < _REMEMBERED_S:
        raise UnreachableError(f"could not connect to {endpoint}")
    work = folder / ".hub"
    with _translated(source, endpoint):
        try:
            _in_thread(lambda: _check_listing(source, endpoint), deadline_s=2 * _answer_s(), poll=lambda: None)
        except Exception as error:
            if not isinstance(error, (ModelError, HfHubHTTPError)):
                _unreachable[endpoint] = time.monotonic()
            raise
        with _silent():
            _in_thread(lambda: _download(source, endpoint, work), poll=lambda: report(folder_size(work)))
    for file in source.files:
        (work / source.paths[file.name]).replace(folder / file.name)
    shutil.rmtree(work)


def folder_size(folder: Path) -> int:
    """Total size in bytes of all files below a folder, which other processes may be changing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except OSError:
                continue  # moved or removed since the listing
    return total


def _from_hub_cache(source: HubSource, folder: Path) -> bool:
    """Copy the files from the Hugging Face cache, which other programs share; return whether all were found."""
    from huggingface_hub import try_to_load_from_cache

    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    found = {}
    for file in source.files:
        path = try_to_load_from_cache(source.repo, source.paths[file.name], cache_dir=cache, revision=source.revision)
        if not isinstance(path, str) or Path(path).stat().st_size != file.size:
            return False
        found[file.name] = path
    for name, path in found.items():
        shutil.copyfile(path, folder / name)
    return True


def _check_listing(source: HubSource, endpoint: str) -> None:
    """Check the metadata of every file, so that a wrong or missing file is never downloaded."""
    from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url

    for file in source.files:
        url = hf_hub_url(source.repo, source.paths[file.name], revision=source.revision, endpoint=endpoint)
        found = get_hf_file_metadata(url, token=get_token(), timeout=_answer_s())
        _check_metadata(file, found.size, found.etag)


def _check_metadata(file: ModelFile, size: int | None, etag: str | None) -> None:
    if size is not None and size != file.size:
        raise HashMismatchError(f"{file.name} has {size:,} bytes instead of {file.size:,}")
    if etag and _SHA256.fullmatch(etag) and etag != file.sha256:  # the ETag of a small file is its git id
        raise HashMismatchError(f"{file.name} has SHA-256 {etag[:12]}… instead of {file.sha256[:12]}…")


def _download(source: HubSource, endpoint: str, work: Path) -> None:
    from huggingface_hub import hf_hub_download

    for file in source.files:
        hf_hub_download(
            source.repo,
            source.paths[file.name],
            revision=source.revision,
            local_dir=work,
            endpoint=endpoint,
            etag_timeout=_answer_s(),
        )


@contextmanager
def _translated(source: HubSource, endpoint: str) -> Iterator[None]:
    from huggingface_hub import errors, get_token

    page = f"{endpoint}/{source.repo}"
    try:
        yield
    except ModelError:
        raise
    except errors.OfflineModeIsEnabled as error:  # the variable was set when huggingface_hub was imported
        raise UnreachableError(_OFFLINE) from error
    except errors.LocalEntryNotFoundError as error:  # raised if the connection breaks during a download
        raise UnreachableError(f"lost the connection to {endpoint} ({_first_line(error)})") from error
    except errors.GatedRepoError as error:
        raise ModelNotFoundError(
            f"access is gated. Accept the conditions at {page} and set HF_TOKEN to your token"
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        advice = "Your token was not accepted; check HF_TOKEN" if get_token() else "Set HF_TOKEN to your token"
        hint = f". Access is gated. {advice}" if source.gated else ""
        raise ModelNotFoundError(f"not found ({_first_line(error)}){hint}") from error
    except errors.HfHubHTTPError as error:
        raise ModelNotFoundError(f"{_first_line(error)}") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
            raise  # such as a full disk
        raise UnreachableError(f"could not connect to {endpoint} ({_first_line(error)})") from error


def _in_thread(work: Callable[[], T], *, poll: Callable[[], None], deadline_s: float | None = None) -> T:
    """Run blocking work in another thread while this one polls and stays interruptible.

    The deadline covers the whole call: the timeout of an HTTP client does not include the DNS lookup.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True)
    started = time.monotonic()
    thread.start()
    while thread.is_alive():
        thread.join(_POLL_S)
        poll()
        if deadline_s is not None and time.monotonic() - started > deadline_s:
            raise TimeoutError(f"no answer within {deadline_s:g} s")
    if failure:
        raise failure[0]
    return outcome[0]


@contextmanager
def _silent() -> Iterator[None]:
    """Disable the progress bars of huggingface_hub."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _answer_s() -> float:
    try:
        return float(os.environ["HF_HUB_ETAG_TIMEOUT"])
    except (KeyError, ValueError):
        return _ANSWER_S


def _is_true(variable: str) -> bool:
    return os.environ.get(variable, "").upper() in {"1", "ON", "YES", "TRUE"}


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:160]
