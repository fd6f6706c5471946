"""MkDocs hook: adds the pages that are generated from the code or kept elsewhere in the repository.

``reference/cli.md`` lists the commands and options of the built-in program. The README files of other folders, the
changelog and the contributing guide become pages. Pages link to files of the repository by relative paths, as GitHub
resolves them; this hook maps those links to pages of the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
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
    """Markdown of all commands and options without plugins."""
    from oolong_align.api.hosting import load_host
    from oolong_align.cli.main import build_cli

    cli = build_cli(load_host(plugins=False))
    lines = [
        "# Command line",
        "",
        "This page is generated from the program. Options can be written with underscores or dashes: `--num_speakers` "
        "and `--num-speakers` are the same option. `oolong-transcribe` and `oolong-align` are `oolong transcribe`.",
        "",
    ]
    for context in _commands(cli):
        level = "##" if context.command_path.count(" ") == 1 else "###"
        usage = context.command.get_usage(context).removeprefix("Usage: ")
        lines += [
            f"{level} {context.command_path}",
            "",
            "```text",
            usage,
            "```",
            "",
            *_description(context.command),
            "",
        ]
        for heading, records in _options(context).items():
            lines += [f"**{heading}**", "", "| option | meaning |", "|---|---|"]
            lines += [f"| `{flags.replace('|', chr(92) + '|')}` | {_cell(text)} |" for flags, text in records]
            lines.append("")
    return "\n".join(lines)


def _commands(cli: click.Group) -> Iterator[click.Context]:
    """Context of each command, subcommands directly after their group."""
    root = click.Context(cli, info_name="oolong")
    for name in cli.list_commands(root):
        _, command, _ = cli.resolve_command(root, [name])
        if command is None:
            continue
        context = click.Context(command, parent=root, info_name=name, **_settings(command))
        yield context
        if isinstance(command, click.Group):
            for each in command.list_commands(context):
                _, inner, _ = command.resolve_command(context, [each])
                if inner is not None:
                    yield click.Context(inner, parent=context, info_name=each, **_settings(inner))


def _settings(command: click.Command) -> dict[str, Any]:
    return dict(command.context_settings)


def _description(command: click.Command) -> list[str]:
    return [" ".join(part.split()) + "\n" for part in (command.help or "").split("\n\n")]


def _options(context: click.Context) -> dict[str, list[tuple[str, str]]]:
    """Flags and help of each option, by its heading in ``--help-advanced``."""
    from oolong_align.cli.commands import GroupedCommand

    command = context.command
    if isinstance(command, GroupedCommand):
        return command.option_groups(context, advanced=True)
    options = (each for each in command.get_params(context) if isinstance(each, click.Option))
    return {"Options": [record for each in options if (record := each.get_help_record(context)) is not None]}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
