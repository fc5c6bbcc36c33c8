"""What the release does on bad input, against what this project does: a named error, or the same numbers.

In: failure_cases.json and one recorded case with its model. Out: lines. Every recorded entry must be known
here. An entry that begins with "ok" and a difference is reproduced number by number in strict mode.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from n3d_ros.engines.parity.inputs import OPTICAL, RELEASE, grid_of
from n3d_ros.engines.parity.report import ParityReport, Record
from n3d_ros.engines.parity.steps import model_inputs, run_prompt
from n3d_ros.preprocess.depth import NormalisedPoints, normalise, pool_to_grid
from n3d_ros.preprocess.point_code import round_coordinates
from n3d_ros.runtime.backends.pytorch.backend import TorchBackend

DIFFERENCE = re.compile(r"maxdiff_vs_reference ([\d.e+-]+)")
TOLERANCE = 1e-3
# Where the points themselves change, a few coordinates lie so near to a tie that float32 and float64 means
# round them apart, and one unit moves the fastest features by up to 1 (docs/specification/inputs.md 6).
AFTER_A_FLIP = 0.2
MOVED_POINTS = ("point count divisible but wrong height (one row less)", "float16 point clouds")


class FailureChecks:
    """Bad inputs made from one recorded case."""

    def __init__(self, backend: TorchBackend, record: Record, report: ParityReport) -> None:
        self._backend, self._record, self._report = backend, record, report
        pcd = record["pcd"].astype(np.float32)
        self._points, self._validity = pcd[..., :3] * OPTICAL, pcd[..., 3]
        self._inputs = model_inputs(record)
        self._reference = self._logits(self._inputs.coords)

    def check(self, failures: Record) -> None:
        """Every recorded entry."""
        for name in failures.names():
            recorded = failures[name]
            if name in self._errors():
                self._expect_error(name, self._errors()[name], recorded)
            elif name in self._numbers():
                with self._report.guarded("failure_cases", name[:28]):
                    self._expect_number(name, self._numbers()[name](), recorded)
            else:
                self._report.fault("failure_cases", name[:28], "no check knows this case")

    def _expect_error(self, name: str, run: Callable[[], Any], recorded: Any) -> None:
        """Ours must refuse, naming what came; the release fails too, or goes on with a wrong number."""
        try:
            run()
        except ValueError as error:
            self._report.exact("failure_cases: named error", name[:28], True, True, _short(error))
            return
        self._report.fault("failure_cases: named error", name[:28], f"release: {recorded}; here: no error")

    def _expect_number(self, name: str, ours: float, recorded: Any) -> None:
        found = DIFFERENCE.search(str(recorded))
        wanted = float(found.group(1)) if found else float(recorded) if _is_number(recorded) else 0.0
        tolerance = AFTER_A_FLIP if name in MOVED_POINTS else TOLERANCE
        self._report.absolute("failure_cases: same number", name[:28], ours, wanted, tolerance)

    def _errors(self) -> dict[str, Callable[[], Any]]:
        def bad_point(value: float) -> Callable[[], Any]:
            return lambda: self._normalised(points=_with(self._points, self._first_valid, value))

        none = np.zeros_like(self._validity)
        single = _with(none, self._first_valid, 1.0)
        flat = np.broadcast_to(np.array([1, 2, 3], dtype=np.float32), self._points.shape)
        return {
            "no point_clouds with image": lambda: self._tower(1, None),
            "nan in a valid point": bad_point(np.nan),
            "inf in a valid point": bad_point(np.inf),
            "all points invalid": lambda: self._normalised(validity=none),
            "point count not divisible by 640": lambda: self._upstream(
                rows=slice(0, -1), columns=slice(0, -1)
            ),
            "two images": lambda: self._tower(2, self._inputs.coords),
            "batch of two prompts": lambda: self._tower(2, self._inputs.coords),
            "batch dim 2 of point clouds with one image (second must be ignored)": lambda: self._tower(
                1, np.concatenate([self._inputs.coords] * 2)
            ),
            "video": self._video,
            "token count mismatch": lambda: self._generate(ids=self._record["input_ids"][:, :-40]),
            "all points identical (zero extent, skipping normalisation)": lambda: self._normalised(
                points=flat
            ),
            "normalise: all mask zero": lambda: self._normalised(validity=none),
            "normalise: single valid point": lambda: self._normalised(validity=single),
            "normalise: mask 1 with inf": bad_point(np.inf),
            "normalise: mask 1 with nan": bad_point(np.nan),
        }

    def _numbers(self) -> dict[str, Callable[[], float]]:
        quarter = np.where(self._validity > 0, np.float32(0.25), np.float32(-1))
        garbage = np.where((self._validity > 0)[..., None], self._points, np.float32(np.inf))
        return {
            "reference": lambda: self._difference(self._normalised()),
            "text only without image": self._text_only,
            "mask values 0.25 / -1 instead of 1 / 0": lambda: self._difference(
                self._normalised(validity=quarter)
            ),
            "point count divisible but wrong height (one row less)": lambda: self._difference(
                self._cut(slice(0, -1), slice(None))
            ),
            "generate use_cache=False equals cached greedy": self._cache_difference,
            "generate num_return_sequences=2 sampling": self._copies_difference,
            "generate num_beams=2": self._beam_difference,
            "float16 point clouds": lambda: self._difference(self._half()),
            "normalise: inf only where mask 0": lambda: self._difference(self._normalised(points=garbage)),
            "eager_vs_sdpa_logits_maxdiff": self._eager_difference,
        }

    @property
    def _first_valid(self) -> tuple[int, int]:
        row, column = np.argwhere(self._validity > 0)[0]
        return int(row), int(column)

    def _normalised(
        self, points: np.ndarray | None = None, validity: np.ndarray | None = None
    ) -> NormalisedPoints:
        points = self._points if points is None else points
        return normalise(points, (self._validity if validity is None else validity) > 0)

    def _cut(self, rows: slice, columns: slice) -> NormalisedPoints:
        """Normalised as a whole and cut afterwards, as a point tensor of the wrong size would be."""
        whole = self._normalised()
        kept = whole.valid[rows, columns]
        mean = whole.points[rows, columns][kept].mean(axis=0, dtype=np.float64).astype(np.float32)
        return replace(whole, points=whole.points[rows, columns], valid=kept, valid_mean=mean)

    def _half(self) -> NormalisedPoints:
        whole = self._normalised()
        with np.errstate(over="ignore"):
            points = whole.points.astype(np.float16).astype(np.float32)
        mean = points[whole.valid].mean(axis=0, dtype=np.float64).astype(np.float32)
        return replace(whole, points=points, valid_mean=mean)

    def _upstream(self, rows: slice, columns: slice) -> Any:
        return pool_to_grid(self._cut(rows, columns), grid_of(self._record), "upstream")

    def _difference(self, normalised: NormalisedPoints) -> float:
        pooled = pool_to_grid(normalised, grid_of(self._record), "upstream")
        return float(np.abs(self._logits(round_coordinates(pooled, RELEASE)) - self._reference).max())

    def _logits(self, coords: np.ndarray) -> np.ndarray:
        tokens = self._backend.encode_image(replace(self._inputs, coords=coords))
        logits: np.ndarray = run_prompt(self._backend, self._record, tokens)[1]
        return logits

    def _tower(self, num_pictures: int, coords: np.ndarray | None) -> Any:
        pixels = np.concatenate([self._inputs.pixel_values] * num_pictures)
        grid = torch.tensor([[1, *self._inputs.grid_hw]] * num_pictures)
        points = None if coords is None else torch.from_numpy(coords)
        return self._backend.model.model.visual(torch.from_numpy(pixels), grid, point_coords=points)

    def _call_arguments(self, ids: np.ndarray) -> dict[str, Any]:
        tokens = torch.from_numpy(ids)
        return {
            "input_ids": tokens,
            "pixel_values": torch.from_numpy(self._inputs.pixel_values),
            "image_grid_thw": torch.tensor([[1, *self._inputs.grid_hw]]),
            "point_coords": torch.from_numpy(self._inputs.coords),
            "mm_token_type_ids": (tokens == self._backend.config.image_token_id).int(),
        }

    @torch.inference_mode()
    def _generate(self, ids: np.ndarray | None = None, **options: Any) -> Any:
        arguments = self._call_arguments(self._record["input_ids"] if ids is None else ids)
        settings = {"do_sample": False, "max_new_tokens": 3, **options}
        return self._backend.model.generate(**arguments, **settings)

    @torch.inference_mode()
    def _video(self) -> Any:
        arguments = self._call_arguments(self._record["input_ids"])
        video = {"pixel_values_videos": arguments.pop("pixel_values")}
        video["video_grid_thw"] = arguments.pop("image_grid_thw")
        return self._backend.model(**arguments, **video)

    @torch.inference_mode()
    def _text_only(self) -> float:
        """0 where a prompt without a picture gives finite logits."""
        logits = self._backend.model(input_ids=torch.from_numpy(self._record["input_ids"][:, :10])).logits
        return 0.0 if bool(torch.isfinite(logits).all()) else np.inf

    def _cache_difference(self) -> float:
        """How many of three tokens differ without a cache."""
        cached, uncached = (self._generate(use_cache=use)[0, -3:] for use in (True, False))
        return float((cached != uncached).sum())

    def _copies_difference(self) -> float:
        """Two replies to one picture, each drawn from the one best token, are both the greedy one: here the
        release stops, and transformers 5 shares the encoded picture.
        """
        both = self._generate(num_return_sequences=2, do_sample=True, top_k=1)[:, -3:]
        return float((both != self._generate()[:, -3:]).sum())

    @torch.inference_mode()
    def _beam_difference(self) -> float:
        """The score of the best of two beams against a forward pass over its text."""
        settings: dict[str, Any] = {
            "return_dict_in_generate": True,
            "output_scores": True,
            "length_penalty": 0.0,
        }
        best = self._generate(num_beams=2, **settings)
        arguments = self._call_arguments(best.sequences.numpy())
        logits = self._backend.model(**arguments).logits[0, -4:-1].log_softmax(dim=-1)
        score = logits.gather(1, best.sequences[0, -3:, None]).sum()
        return float((score - best.sequences_scores[0]).abs())

    @torch.inference_mode()
    def _eager_difference(self) -> float:
        model = self._backend.model
        arguments = self._call_arguments(self._record["input_ids"])
        before = model.config._attn_implementation
        logits = [model(**arguments).logits]
        model.set_attn_implementation("eager")
        try:
            logits.append(model(**arguments).logits)
        finally:
            model.set_attn_implementation(before)
        return float((logits[0] - logits[1]).abs().max())


def _with(array: np.ndarray, place: tuple[int, int], value: float) -> np.ndarray:
    changed: np.ndarray = array.copy()
    changed[place] = value
    return changed


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:110]
