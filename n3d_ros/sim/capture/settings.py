"""How a colour picture is taken: light, exposure, motion, noise, compression. Plain data, by name.

Every range is (lowest, highest), and one value of it is drawn for each picture. Knows neither scenes nor
pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]
NONE: Range = (0.0, 0.0)
DAYLIGHT_K = 6500.0
RANGES = ("exposure_ev", "temperature_k", "second_light", "second_light_turn_rad", "turn_rad", "shift_m")


@dataclass(frozen=True)
class Capture:
    """exposure_ev: stops, each of them double. temperature_k: of the light, as the white balance leaves it.
    second_light: share of the key light that comes from a second lamp instead, which then throws the shadows
    and moves about the scene by second_light_turn_rad while the shutter is open. turn_rad, shift_m: how far
    the camera turns and moves meanwhile, in any direction; num_exposures: pictures that are averaged for
    that, 1 for none. shot_noise, read_noise: the variance of linear light x in 0..1 is
    shot_noise * x + read_noise^2. jpeg_quality: 1..100, None for no compression.
    """

    exposure_ev: Range = NONE
    temperature_k: Range = (DAYLIGHT_K, DAYLIGHT_K)
    second_light: Range = NONE
    second_light_turn_rad: Range = NONE
    turn_rad: Range = NONE
    shift_m: Range = NONE
    num_exposures: int = 1
    shot_noise: float = 0.0
    read_noise: float = 0.0
    jpeg_quality: int | None = None

    def __post_init__(self) -> None:
        for name in (
            "exposure_ev",
            "temperature_k",
            "second_light",
            "second_light_turn_rad",
            "turn_rad",
            "shift_m",
        ):
            low, high = getattr(self, name)
            if not low <= high:
                raise ValueError(f"capture: {name} expected lowest <= highest, got {low} and {high}")
        if self.temperature_k[0] < 1000:
            raise ValueError(f"capture: temperature_k expected at least 1000, got {self.temperature_k[0]}")
        if self.num_exposures < 1:
            raise ValueError(f"capture: num_exposures expected at least 1, got {self.num_exposures}")
        if self.jpeg_quality is not None and not 1 <= self.jpeg_quality <= 100:
            raise ValueError(f"capture: jpeg_quality expected within 1..100, got {self.jpeg_quality}")


CLEAN = "clean"
CAPTURES = {
    CLEAN: Capture(),
    "handheld": Capture(
        exposure_ev=(-0.4, 0.4),
        temperature_k=(5500.0, 8000.0),
        turn_rad=(0.002, 0.012),
        shift_m=(0.0, 0.004),
        num_exposures=7,
        shot_noise=0.0006,
        read_noise=0.002,
        jpeg_quality=90,
    ),
    "evening": Capture(
        exposure_ev=(-1.4, -0.5),
        temperature_k=(4300.0, 5500.0),
        second_light=(0.5, 0.9),
        turn_rad=(0.0, 0.006),
        num_exposures=5,
        shot_noise=0.002,
        read_noise=0.006,
    ),
    "webcam": Capture(
        exposure_ev=(-0.6, 0.7),
        temperature_k=(5000.0, 9000.0),
        shot_noise=0.0012,
        read_noise=0.004,
        jpeg_quality=45,
    ),
    "moving_lamp": Capture(
        second_light=(0.6, 1.0), second_light_turn_rad=(0.1, 0.4), num_exposures=7, shot_noise=0.0004
    ),
}
