"""MkDocs hook: adds the pages that are generated from the code or kept elsewhere in the repository.

``reference/cli.md`` lists the commands and options of the built-in program. The README files of other folders, the
changelog and the contributing guide become pages. Pages link to files of the repository by relative paths, as GitHub
resolves them; this hook maps those links to pages of the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
from mkdocs.structure.files import File

ROOT: Final = Path(__file__).parents[1]
INCLUDED: Final = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "examples/README.md": "examples.md",
    "models/README.md": "model-scripts.md",
    "tests/benchmarks/README.md": "benchmarks.md",
    **{
        f"plugins/{path.parent.name}/README.md": f"plugins/{path.parent.name}.md"
        for path in sorted((ROOT / "plugins").glob("*/README.md"))
    },
}
"""Files of the repository that are pages of the site, and their names there."""
_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the generated and the included pages."""
    for source, target in INCLUDED.items():
        path = ROOT / source
        text = (
            path.read_text("utf-8")
            if path.exists()
            else f"# {path.stem.title()}\n\nSee `{source}` in the repository.\n"
        )
        files.append(File.generated(config, target, content=map_links(text, source, target)))
    files.append(File.generated(config, "reference/cli.md", content=command_reference()))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Map the links of the pages in ``docs/`` that lead out of it."""
    name = page.file.src_uri
    if name in INCLUDED.values() or name == "reference/cli.md":
        return markdown
    return map_links(markdown, f"docs/{name}", name)


def map_links(text: str, source: str, page: str) -> str:
    """Point relative links of a file of the repository to pages of the site; links to other files become plain text."""

    def replace(found: re.Match[str]) -> str:
        label, link = found.groups()
        target, _, anchor = link.partition("#")
        if not target or "://" in target:
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        inside = INCLUDED.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if inside is None:
            return label if label.startswith("`") else f"{label} (`{path}`)"
        relative = posixpath.relpath(inside, posixpath.dirname(page) or ".")
        return f"[{label}]({relative}{'#' + anchor if anchor else ''})"

    return _LINK.sub(replace, text)


def command_reference() -> str:
    """Markdown of all commands and options without plugins, as ``--help-advanced`` shows them."""
    from oolong_align.api.hosting import load_host
    from oolong_align.cli.main import build_cli

    sections = [
        "# Command line\n\nThis page is generated from the program. Options can be written with underscores or dashes: "
        "`--num_speakers` and `--num-speakers` are the same option. `oolong-transcribe` and `oolong-align` are "
        "`oolong transcribe`. `--help` lists the common options of a command, and `--help-advanced` all of them.\n\n"
    ]
    for context in _commands(build_cli(load_host(plugins=False))):
        formatter = MarkdownFormatter()
        context.command.format_help(context, formatter)
        level = "##" if context.command_path.count(" ") == 1 else "###"
        sections.append(f"{level} {context.command_path}\n\n{formatter.getvalue()}\n")
    return "".join(sections)


class MarkdownFormatter(click.HelpFormatter):
    """Formats the help of a command as Markdown: tables of options, and code blocks for usage and examples."""

    def write(self, string: str) -> None:
        """Append text; example commands become a code block."""
        super().write(f"    {string}" if string.startswith("oolong ") else string)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Append the usage line."""
        super().write(f"```text\n{prog} {args}\n```\n")

    def write_text(self, text: str) -> None:
        """Append paragraphs."""
        super().write("\n\n".join(" ".join(part.split()) for part in text.split("\n\n")) + "\n")

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Append a heading for what is written next."""
        super().write(f"\n**{name}**\n\n")
        yield

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Append a table of options or commands; options without a help text are old names."""
        super().write("| name | meaning |\n|---|---|\n")
        for name, text in rows:
            if text:
                super().write(f"| `{name.replace('|', chr(92) + '|')}` | {_cell(text)} |\n")


def _commands(cli: click.Group) -> Iterator[click.Context]:
    """Context of each command, subcommands directly after their group."""
    root = click.Context(cli, info_name="oolong")
    for name, command in _inner(cli, root):
        context = _context(command, root, name)
        yield context
        if isinstance(command, click.Group):
            yield from (_context(inner, context, each) for each, inner in _inner(command, context))


def _inner(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        _, command, _ = group.resolve_command(context, [name])
        if command is not None:
            yield name, command


def _context(command: click.Command, parent: click.Context, name: str) -> click.Context:
    from oolong_align.cli import commands

    context = click.Context(command, parent=parent, info_name=name, **dict(command.context_settings))
    context.meta[commands._ADVANCED] = True
    return context


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
