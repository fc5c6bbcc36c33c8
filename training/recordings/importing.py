"""A recording -> frames on disk and a set of questions about them.

In: a folder of `n3d record`. Out: `frames/STAMP/` (frame folders, as `n3d infer` reads them), one shard
with its ledger entry and the manifest; each result, or each name of several, is a question or counted by why
it is none. Frames are
written first and the shard whole, so that a stop leaves no set.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.files.frames import RgbdFrame, write_frame
from n3d_ros.geometry import Array
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.recording.reader import Recorded, read_recording
from n3d_ros.training.lift.shards import shard_file
from n3d_ros.training.qa.records import PictureRef, Question
from n3d_ros.training.qa.shards import entry_of, write_entry, write_manifest, write_questions
from n3d_ros.training.recordings.truths import NotTaught, each_name, question_of, truth_of

_log = logging.getLogger(__name__)

FRAMES = "frames"
MILLIMETRE = 0.001


@dataclass
class Counts:
    """forms: questions by "category/form". left_out: results, or names of one, by why they are none. faults:
    results without a frame, by why it cannot be used.
    """

    forms: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    pictures: set[str] = field(default_factory=set)


def import_recording(recording: Path, out: Path, trust: bool = False) -> dict[str, Any]:
    """Write the set; its manifest. ValueError where a set is there, where the recording is none, or where
    nothing in it teaches anything.
    """
    if shard_file(out, 0).exists():
        raise ValueError(f"'{out}': expected a new folder, got one with a set of questions")
    counts = Counts()
    questions = questions_of(recording, out, trust, counts)
    first = next(questions, None)  # before anything is written: there may be no recording, or nothing in it
    if first is None:
        _tell_faults(recording, counts)
        reasons = ", ".join(f"{why} {n}" for why, n in counts.left_out.most_common()) or "no results"
        raise ValueError(f"'{recording}': expected a result that was judged, got none: {reasons}")
    num_questions = write_questions(shard_file(out, 0), chain([first], questions))
    entry = entry_of(
        out, 0, len(counts.pictures), num_questions, forms=counts.forms, left_out=counts.left_out
    )
    write_entry(out, entry)
    _tell_faults(recording, counts)
    return write_manifest(out, [entry], {"recording": recording.name, "trusted": trust})


def _tell_faults(recording: Path, counts: Counts) -> None:
    for fault, number in counts.faults.most_common():
        _log.warning("'%s': %d results without a frame: %s", recording, number, fault)


def questions_of(recording: Path, out: Path, trust: bool, counts: Counts) -> Iterator[Question]:
    """The questions, their frames written on the way. A result that came twice counts once."""
    seen: set[str] = set()
    pictures = _Pictures(out / FRAMES)
    for one in _results(recording, counts):
        try:
            question = _question(one, pictures, trust, counts)
        except NotTaught as reason:
            counts.left_out[str(reason)] += 1
            continue
        if question.id in seen:
            counts.left_out["repeated"] += 1
            continue
        seen.add(question.id)
        counts.pictures.add(question.picture.key)
        counts.forms[f"{question.category}/{question.form}"] += 1
        yield question


def _results(recording: Path, counts: Counts) -> Iterator[Recorded]:
    """Each result, each name of several for itself."""
    for one in read_recording(recording):
        try:
            yield from each_name(one)
        except NotTaught as reason:
            counts.left_out[str(reason)] += 1


def _question(one: Recorded, pictures: _Pictures, trust: bool, counts: Counts) -> Question:
    if one.seen is None:
        counts.faults[one.fault] += 1
        raise NotTaught("no_frame")
    if not one.is_optical:
        raise NotTaught("other_frame")
    if one.seen.intrinsics.distortion is not None:
        raise NotTaught("lens")
    if one.seen.depth_is_estimated:
        raise NotTaught("guessed_depth")
    truth = truth_of(one, trust)
    return question_of(one, truth, pictures.written(one.seen, one.stamp_ns))


class _Pictures:
    """Frames as folders of `root`, each written once and named for its stamp, with a number from the second
    one on that has the same: stamps of a simulation that starts anew come again, and two cameras may agree.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._known: dict[int, list[str]] = {}

    def written(self, seen: Observation, stamp_ns: int) -> PictureRef:
        """The frame's files."""
        assert seen.depth is not None
        depth, encoding = stored_depth(seen.depth)
        # Said, since a near scene in millimetres looks like another unit to readers.
        scale_m = MILLIMETRE if encoding == "16UC1" else 1.0
        frame = RgbdFrame(seen.rgb, depth, encoding, seen.intrinsics, depth_scale_m=scale_m)
        digest = _digest(frame)
        known = self._known.setdefault(stamp_ns, [])
        is_new = digest not in known
        if is_new:
            known.append(digest)
        number = known.index(digest)
        folder = self._root / (f"{stamp_ns}_{number}" if number else str(stamp_ns))
        if is_new:
            write_frame(folder, frame)
        return _reference(folder, frame)


def _digest(frame: RgbdFrame) -> str:
    """Of all that is written of it."""
    said = hashlib.sha256(repr((frame.encoding, frame.intrinsics)).encode())
    said.update(frame.rgb.tobytes())
    said.update(frame.depth.tobytes())
    return said.hexdigest()


def _reference(folder: Path, frame: RgbdFrame) -> PictureRef:
    camera = frame.intrinsics
    file = folder / "color.png"
    return PictureRef(
        folder.name,
        str(file),
        camera.width,
        camera.height,
        depth_file=str(folder / ("depth.png" if frame.encoding == "16UC1" else "depth.npy")),
        fx=camera.fx,
        fy=camera.fy,
        cx=camera.cx,
        cy=camera.cy,
        depth_scale_m=frame.depth_scale_m,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
    )


def stored_depth(depth_m: Array) -> tuple[Array, str]:
    """Metres, NaN = none -> whole millimetres where they are, else float32 metres; 0 = none in both."""
    filled = np.nan_to_num(depth_m, nan=0.0)
    units = np.rint(filled / MILLIMETRE)
    is_whole = bool(np.all(np.abs(units * MILLIMETRE - filled) < 1e-6)) and units.max(initial=0) < 65535
    return (units.astype(np.uint16), "16UC1") if is_whole else (filled.astype(np.float32), "32FC1")
