"""The tasks of a contributor, one session each: ``nox -l`` lists them, ``nox -s NAME -- ARGUMENTS`` runs one."""

from __future__ import annotations

import shutil

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.reuse_venv = "yes"


@nox.session
def tests(session: nox.Session) -> None:
    """Run the default tests: everything but the slow ones."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the slow tests: real models on long recordings, installed wheels, PyTorch."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "pytest", "-m", "slow", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and prose."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "ruff", "check")
    session.run("python", "-m", "ruff", "format", "--check")
    session.run("python", "-m", "mypy")
    session.run("python", "tests/prose.py")


@nox.session(name="format")
def format_code(session: nox.Session) -> None:
    """Fix what ruff can fix and format the code."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "ruff", "check", "--fix")
    session.run("python", "-m", "ruff", "format")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into ``site/``; a warning is an error."""
    session.install("-e", ".[docs]")
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel and the source archive into ``dist/``."""
    session.install("build")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build")
