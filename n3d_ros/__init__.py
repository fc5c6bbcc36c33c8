"""n3d_ros: language-grounded 3D perception for robots.

In a checkout this package also serves `n3d_ros.engines` and `n3d_ros.training` (the folders beside it) and the
generated `msg`, `srv` and `action` modules of an installed `n3d_ros`. When installed, all of them lie inside the package.
"""
import sys
from pathlib import Path

from n3d_ros.version import __version__ as __version__

_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "package.xml").is_file():
    __path__.insert(0, str(_checkout))
    for _entry in sys.path:
        _installed = Path(_entry) / "n3d_ros"
        if (_installed / "msg").is_dir() and str(_installed) not in __path__ and _installed.parent != _checkout:
            __path__.append(str(_installed))
