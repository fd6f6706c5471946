from __future__ import annotations

import inspect
import re
import textwrap
from types import ModuleType

import click
import pytest

from oolong_align import hookspecs
from oolong_align.testing import make_host

HOOKS = {name: value for name, value in vars(hookspecs).items() if name.startswith("oolong_") and callable(value)}
STAGES = {"oolong_diarize", "oolong_transcribe", "oolong_align", "oolong_identify"}
# The contract: renaming a hook or an argument breaks plugins.
SIGNATURES = {
    "oolong_add_options": ["options"],
    "oolong_configure": ["config"],
    "oolong_diarizers": [],
    "oolong_transcribers": [],
    "oolong_formats": [],
    "oolong_speaker_stores": [],
    "oolong_executors": [],
    "oolong_commands": ["cli"],
    "oolong_diarize": ["audio", "config"],
    "oolong_transcribe": ["audio", "speech", "config"],
    "oolong_align": ["words", "diarization", "config"],
    "oolong_identify": ["transcript", "diarization", "config"],
    "oolong_finish": ["results", "config"],
}


def example(name: str) -> str:
    text = textwrap.dedent(inspect.getdoc(HOOKS[name]) or "")
    block = text.split("Examples\n--------\n::\n", 1)[1]
    return textwrap.dedent(block)


def test_the_hooks_and_their_arguments_are_the_contract() -> None:
    assert {name: list(inspect.signature(hook).parameters) for name, hook in HOOKS.items()} == SIGNATURES


def test_stages_return_the_first_result() -> None:
    for name, hook in HOOKS.items():
        assert hook.oolong_align_spec["firstresult"] == (name in STAGES), name


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_every_hook_documents_its_call_and_has_an_example(name: str) -> None:
    text = inspect.getdoc(HOOKS[name]) or ""
    assert re.search(r"^When$", text, re.MULTILINE)
    returns = str(inspect.signature(HOOKS[name]).return_annotation)
    assert ("Returns\n-------" in text) == (returns != "None")
    for argument in SIGNATURES[name]:
        assert argument == "config" or re.search(rf"^(\w+, )*{argument}(, \w+)* : ", text, re.MULTILINE)


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_every_example_registers(name: str) -> None:
    module = ModuleType("example")
    names = {"hookimpl": hookspecs.hookimpl, "click": click, "build_replay": None, "build_vosk": None}
    names |= {"open_redis": None}
    names |= {entry: getattr(hookspecs, entry) for entry in hookspecs.__all__ if entry.endswith(("Entry", "Format"))}
    vars(module).update(names)
    exec(compile(example(name), name, "exec"), vars(module))
    host = make_host(module)
    row = host.plugins()[1]
    assert name in row.hooks + row.wrappers
    cli = click.Group("oolong")
    host.commands(cli)
    host.add_options()


def test_the_module_starts_with_the_kinds_of_hooks() -> None:
    text = " ".join((hookspecs.__doc__ or "").split())
    assert text.startswith(
        "The plugin interface. To offer something that the user can choose, return it from a plural hook "
        "(``oolong_formats``). To observe or change what happens, implement a stage hook"
    )


def test_markers_and_entries_are_exported() -> None:
    assert {"hookimpl", "hookspec", "DiarizerEntry", "OutputFormat", "Config"} <= set(hookspecs.__all__)
    for name in hookspecs.__all__:
        assert hasattr(hookspecs, name)
