"""n3d_ros: language-grounded 3D perception for robots.

In a checkout it also serves `n3d_ros.engines` and `n3d_ros.training` (the folders beside it) and
the generated `msg`, `srv`, `action` of an installed `n3d_ros`. All lie inside the package when installed.
"""

import sys
from pathlib import Path

from n3d_ros.version import __version__ as __version__

_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "package.xml").is_file():
    __path__.insert(0, str(_checkout))
    for _entry in sys.path:
        _installed = Path(_entry) / "n3d_ros"
        _is_new = _installed.parent != _checkout and str(_installed) not in __path__
        if _is_new and (_installed / "msg").is_dir():
            __path__.append(str(_installed))
