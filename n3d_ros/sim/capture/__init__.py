"""How colour pictures are taken: changing light, exposure, motion blur, noise and compression, by name.

view = take(device, camera, look, CAPTURES["handheld"], rng)
"""

from n3d_ros.sim.capture.settings import CAPTURES, CLEAN, Capture
from n3d_ros.sim.capture.take import take

__all__ = ["CAPTURES", "CLEAN", "Capture", "take"]
