from __future__ import annotations

import pytest

from oolong_align.plugin.contract import BrokenRuleError, validate_words
from oolong_align.types import Word, Words


def test_white_space_around_words_is_stripped() -> None:
    words = validate_words(Words("en", (Word(0.0, 0.5, " Hello \n"), Word(0.5, 1.0, "you"))))
    assert [word.text for word in words.words] == ["Hello", "you"]
    with pytest.raises(BrokenRuleError, match="non-empty"):
        validate_words(Words("en", (Word(0.0, 0.5, " "),)))
