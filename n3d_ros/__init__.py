"""n3d_ros: language-grounded 3D perception for robots.

`engines/` and `training/` stand beside this folder and are its subpackages `n3d_ros.engines` and
`n3d_ros.training`: the links of these names in this folder lead to them. setup.py follows the links, CMake
installs the two folders in their place, so every module has one place under the package everywhere.

`msg`, `srv` and `action` are generated into a package that is called n3d_ros too. A checkout finds them in
the one that `make ros` or a workspace has installed; where this package is installed whole, they lie in it.
"""

import sys
from pathlib import Path

from n3d_ros.version import __version__ as __version__

for _entry in sys.path:
    _other = Path(_entry, "n3d_ros")
    if (_other / "msg").is_dir() and str(_other) not in __path__:
        __path__.append(str(_other))
