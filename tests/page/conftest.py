from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, Open

from oolong_align.formats.html import PageAudio, render_html
from oolong_align.types import Transcript


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("downloads"))
    yield opened
    opened.driver.quit()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Open:
    """Write a transcript's page and open it."""

    def show(transcript: Transcript, *, audio: PageAudio | None = None, **how: object) -> Path:
        page = tmp_path / "a page.html"
        page.write_text(render_html(transcript, audio=audio), encoding="utf-8")
        browser.open(page, **how)  # type: ignore[arg-type]
        return page

    return show
