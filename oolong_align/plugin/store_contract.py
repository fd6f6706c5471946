"""The rules of a speaker store, one function each; :func:`oolong_align.testing.check_speaker_store` runs them all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from threading import Thread
from typing import Any, Final

import numpy as np

from oolong_align.errors import InputError
from oolong_align.speakers.records import Reference, SpeakerStore, Voice, VoiceModel
from oolong_align.types import FloatArray

__all__ = ["check_store"]

Open = Callable[[], SpeakerStore]

_MODEL: Final = VoiceModel(name='a "model"', weights="0" * 64, dimension=7)
_OTHER: Final = replace(_MODEL, weights="1" * 64)
_ENROLLED: Final = datetime(2024, 2, 29, 23, 59, 59, 123456, timezone(timedelta(hours=-5, minutes=-30)))
_NAMES: Final = ("Ada \"'; --", "ada \"'; --", "%b\\0", "Łukasz 🎙", "%_\\0", "' OR 1=1")


def check_store(open_store: Open) -> None:
    """Run every rule on one store. It must be empty at first and is empty afterwards."""
    for rule in _RULES:
        for each in (rule, _check_forgetting):
            try:
                each(open_store)
            except AssertionError:
                raise
            except Exception as error:
                broken = f"{each.__doc__} The store raised {type(error).__name__}: {error}"
                raise AssertionError(broken) from error


def _check_new(open_store: Open) -> None:
    """A new store is empty."""
    with closing(open_store()) as store:
        _require(list(store.list()) == [] and store.model() is None, "a new store must be empty and have no model")
        _require(store.nearest(_axis(0), 3, model=_MODEL) == [], "nearest must return no voices from an empty store")
        _require(store.get("voice_1") is None, "get must return None for an unknown id")
        _require(store.forget("voice_1") is False, "forget must return False for an unknown id")


def _check_forgetting(open_store: Open) -> None:
    """Every voice can be forgotten."""
    with closing(open_store()) as store:
        for voice in store.list():
            _require(store.forget(voice.id) is True, "forget must return True for a voice")
        _require(not store.list(), "a forgotten voice must be deleted")
        _require(store.model() is None, "a store without voices must have no model")


def _check_keeping(open_store: Open) -> None:
    """A voice must be returned unchanged, even after the store is opened again."""
    voices = [_voice(number, name=name) for number, name in enumerate(_NAMES)] + [_voice(6)]
    with closing(open_store()) as store:
        voices = [replace(voice, id=store.put(voice)) for voice in voices]
    with closing(open_store()) as store:
        for voice in voices:
            _same_voice(store.get(voice.id), voice)
        _require(store.model() == _MODEL, "the store must have the model of its voices")
        _require([each.id for each in store.list()] == [each.id for each in voices], "list must return all voices")
        for voice in voices[:-1]:
            found = [each.id for each in store.list(voice.name)]
            _require(found == [voice.id], f"list({voice.name!r}) must return the voices with exactly this name")
        changed = replace(voices[0], name="Bob", seconds=4.0, references=voices[0].references[:1])
        _require(store.put(changed) == changed.id, "putting an id again must return this id")
        _require(store.count() == len(voices), "count must be the number of voices")
        _require(len(store.list()) == len(voices), "putting an id again must replace its voice")
        _same_voice(store.get(changed.id), changed)
        _same_voice(store.get(voices[1].id), voices[1])


def _check_ids(open_store: Open) -> None:
    """Ids must be listed by number and never reused."""
    with closing(open_store()) as store:
        ids = [store.put(_voice(number)) for number in range(12)]
        _require(all(each.startswith("voice_") for each in ids), f"ids must be voice_ and a number, not {ids[0]!r}")
        numbers = [int(each.removeprefix("voice_")) for each in ids]
        _require(numbers == sorted(set(numbers)), "the numbers of ids must increase")
        _require([each.id for each in store.list()] == ids, "list must be ordered by number: voice_2 before voice_10")
        _require(store.forget(ids[-1]) is True, "forget must return True for a voice")
        _require(store.get(ids[-1]) is None, "a forgotten voice must be deleted")
    with closing(open_store()) as store:
        _rejected(lambda: store.put(_voice(0, id=ids[-1])), "a forgotten id must be rejected")
        later = store.put(_voice(0))
        _require(later not in ids, f"{later} was used before; ids of forgotten voices must not be reused")
        high = f"voice_{int(later.removeprefix('voice_')) + 100}"
        _require(store.put(_voice(1, id=high)) == high, "an id above all others must be accepted unchanged")
        after = store.put(_voice(2))
        _require(int(after.removeprefix("voice_")) > int(high.removeprefix("voice_")), f"new ids must be above {high}")
        _rejected(lambda: store.put(_voice(3, id=f"voice_{10**14}")), "an id near the limit must be rejected")
        kept = replace(_voice(0), id=later, aliases=(f"voice_{10**14}",))
        _rejected(lambda: store.put(kept), "an alias near the limit must be rejected")
        _require(
            store.put(_voice(3)) == f"voice_{int(after.removeprefix('voice_')) + 1}",
            "a rejected id must not change the store",
        )


def _check_aliases(open_store: Open) -> None:
    """A voice must be found by the ids of the voices that were merged into it."""
    with closing(open_store()) as store:
        kept, merged = (replace(_voice(number), id=store.put(_voice(number))) for number in range(2))
        with store.transaction():
            store.forget(merged.id)
            store.put(replace(kept, aliases=(merged.id,)))
        _same_voice(store.get(merged.id), replace(kept, aliases=(merged.id,)))
        _rejected(lambda: store.put(merged), "an id that was merged into another voice must be rejected")
        other = store.put(_voice(2))
        _rejected(lambda: store.put(replace(kept, aliases=(other,))), "the id of a voice must be rejected as an alias")
        _same_voice(store.get(kept.id), replace(kept, aliases=(merged.id,)))
        _require(store.forget(merged.id) and store.get(kept.id) is None, "forget must accept an alias")
        _require(store.get(other) is not None, "forget must not delete other voices")


def _check_models(open_store: Open) -> None:
    """Voices of different models must never be compared."""
    with closing(open_store()) as store:
        store.put(_voice(0))
        _rejected(lambda: store.put(_voice(1, model=_OTHER)), "a voice of other weights must be rejected")
        smaller = VoiceModel(name="a", weights=_MODEL.weights, dimension=6)
        voice = Voice(model=smaller, seconds=1.0, centroid=_axis(0)[:6])
        _rejected(lambda: store.put(voice), "a voice of another dimension must be rejected")
        _rejected(lambda: store.nearest(_axis(0), 1, model=_OTHER), "an embedding of another model must be rejected")
        _rejected(lambda: store.nearest(_axis(0)[:6], 1, model=_MODEL), "an embedding of another size must be rejected")
        store.put(_voice(1, model=replace(_MODEL, name="renamed")))
        _require(len(store.list()) == 2, "models must be compared by weights and dimension, not by name")


def _check_malformed(open_store: Open) -> None:
    """Invalid values must not be stored."""
    good = _voice(0)
    reference = good.references[0]
    broken: list[dict[str, Any]] = [
        {"id": "Ada"},
        {"id": "voice_07"},
        {"name": ""},
        {"name": "two\nlines"},
        {"name": "nul\0"},
        {"name": "\ud800"},
        {"seconds": float("nan")},
        {"centroid": np.zeros(7, np.float32)},
        {"centroid": np.full(7, np.nan, np.float32)},
        {"centroid": np.ones(7, np.float64)},
        {"centroid": np.ones((1, 7), np.float32)},
        {"references": (replace(reference, end=reference.start - 1),)},
        {"references": (replace(reference, source=""),)},
        {"references": (replace(reference, enrolled=reference.enrolled.replace(tzinfo=None)),)},
        {"references": (replace(reference, enrolled=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))),)},
        {"references": (replace(reference, enrolled=datetime(9999, 12, 31, 23, tzinfo=_ENROLLED.tzinfo)),)},
        {"references": (replace(reference, embedding=reference.embedding[:3]),)},
        {"aliases": ("Bob",)},
    ]
    with closing(open_store()) as store:
        for change in broken:
            _rejected(partial(store.put, replace(good, **change)), f"{change} must be rejected")
        _require(not store.list() and store.model() is None, "a rejected voice must not change the store")


def _check_nearest(open_store: Open) -> None:
    """The nearest voices must be those with the largest cosines, whatever the length of their centroids."""
    with closing(open_store()) as store:
        ids = [store.put(_voice(number)) for number in range(7)]
        store.put(replace(_voice(3), id=ids[3], centroid=100 * _axis(3)))
        query = _axis(3) + 0.5 * _axis(5) + 0.25 * _axis(0)
        found = store.nearest(query, 3, model=_MODEL)
        _require(
            [voice.id for voice, _ in found] == [ids[3], ids[5], ids[0]],
            "nearest must return the voices with the largest cosines",
        )
        cosines = [1 / 1.3125**0.5, 0.5 / 1.3125**0.5, 0.25 / 1.3125**0.5]
        _require(np.allclose([cosine for _, cosine in found], cosines, atol=1e-5), "nearest must return the cosines")
        _require(len(store.nearest(query, 100, model=_MODEL)) == 7, "nearest must return all voices if count is larger")
        _same_voice(found[0][0], replace(_voice(3), id=ids[3], centroid=100 * _axis(3)))
        store.forget(ids[3])
        first = store.nearest(query, 1, model=_MODEL)[0][0].id
        _require(first == ids[5], "nearest must not return a forgotten voice")


def _check_transactions(open_store: Open) -> None:
    """A transaction must be atomic."""
    with closing(open_store()) as store, closing(open_store()) as other:
        kept = replace(_voice(0), id=store.put(_voice(0)))

        def fail() -> None:
            with store.transaction():
                store.put(_voice(1))
                with store.transaction():
                    store.put(replace(kept, name="Bob"))
                    store.forget(kept.id)
                _require(
                    store.nearest(_axis(0), 9, model=_MODEL)[0][0].id != kept.id,
                    "writes must be visible inside the transaction",
                )
                raise InputError("stop")

        _rejected(fail, "an exception must be passed on by the transaction")
        for each in (store, other):
            _require([one.id for one in each.list()] == [kept.id], "an exception must undo the whole transaction")
            _same_voice(each.get(kept.id), kept)
            found = [voice.id for voice, _ in each.nearest(_axis(0), 9, model=_MODEL)]
            _require(found == [kept.id], "an exception must undo the changes that nearest sees")
        with store.transaction():
            added = store.put(_voice(1))
            taken = replace(kept, name="Bob", references=(), aliases=(added,))
            _rejected(lambda: store.put(taken), "the id of a voice must be rejected as an alias")
            _same_voice(store.get(kept.id), kept)
        _require(other.get(added) is not None, "committed writes must be visible to other connections")
        found = [voice.id for voice, _ in other.nearest(_axis(1), 1, model=_MODEL)]
        _require(found == [added], "nearest must return voices written by other connections")


def _check_threads(open_store: Open) -> None:
    """Threads with their own store, and two threads that share one, must not lose data."""
    failures: list[BaseException] = []
    with closing(open_store()) as first, closing(open_store()) as second:
        shared = first.put(_voice(0, seconds=0.0))

        def work(store: SpeakerStore) -> None:
            try:
                for number in range(5):
                    store.put(_voice(number))
                    with store.transaction():
                        voice = store.get(shared)
                        _require(voice is not None, "a voice must not be lost")
                        store.put(replace(voice or _voice(0), seconds=voice.seconds + 1 if voice else 0))
            except BaseException as error:  # noqa: BLE001 -- raised again below, in the calling thread
                failures.append(error)

        threads = [Thread(target=work, args=(store,)) for store in (first, second, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        voice = first.get(shared)
        _require(len(first.list()) == 16, "voices that threads put at the same time must all be stored")
        _require(
            voice is not None and voice.seconds == 15,
            "other threads must not write between the reads and writes of a transaction",
        )


_RULES: Final = (
    _check_new,
    _check_keeping,
    _check_ids,
    _check_aliases,
    _check_models,
    _check_malformed,
    _check_nearest,
    _check_transactions,
    _check_threads,
)


def _axis(number: int) -> FloatArray:
    axis: FloatArray = np.eye(7, dtype=np.float32)[number % 7]
    return axis


def _voice(number: int, **changes: Any) -> Voice:
    """Voice along one axis. Its references have embeddings that are not short decimals."""
    references = tuple(
        Reference(
            embedding=(_axis(number) + np.float32(place / 3)) / np.float32(7),
            source=f"Møte {number}; '.wav",
            recording="Møte" * place,
            start=1 / 3,
            end=12.5 + place,
            seconds=10 / 3,
            enrolled=_ENROLLED,
        )
        for place in range(2)
    )
    voice = Voice(model=_MODEL, seconds=20 / 3, centroid=_axis(number) / np.float32(3), references=references)
    return replace(voice, **changes)


def _same_voice(found: Voice | None, expected: Voice) -> None:
    if found is None:
        raise AssertionError(f"the voice {expected.id} must be stored after put")
    _same_fields(found, expected, "")
    _require(len(found.references) == len(expected.references), "get must return all references and no others")
    for reference, wanted in zip(found.references, expected.references, strict=True):
        _same_fields(reference, wanted, "a reference's ")


def _same_fields(found: Voice | Reference, expected: Voice | Reference, prefix: str) -> None:
    for each in fields(expected):
        value, wanted = getattr(found, each.name), getattr(expected, each.name)
        if isinstance(wanted, np.ndarray):
            _require(value.dtype == np.float32, f"{prefix}{each.name} must be returned as float32")
            _require(np.array_equal(value, wanted), f"{prefix}{each.name} must be returned bit by bit")
        elif each.name != "references":
            _require(value == wanted, f"{prefix}{each.name} must be returned as {wanted!r}, not {value!r}")


def _rejected(call: Callable[[], object], rule: str) -> None:
    try:
        call()
    except InputError:
        return
    raise AssertionError(f"{rule}, with an InputError")


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise AssertionError(rule)
