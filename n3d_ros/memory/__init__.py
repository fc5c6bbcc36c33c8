"""What was found, remembered in a fixed frame: where it is, when it was last seen, and whether it is still
there.

In: boxes in a camera's optical frame, the camera's pose, the words that were looked for and the depth that
was seen. Out: `Remembered` things, found again by words. It knows neither ROS nor models nor pictures.

The way of a look: `places` takes boxes into the fixed frame, `association` says which of them are known
already, `sight` reads in the depth whether a known place is empty, hidden or taken, and `object_memory` holds
what follows. `memory_file` stores it.
"""

from n3d_ros.memory.object_memory import Look, MemoryConfig, ObjectMemory, Recalled
from n3d_ros.memory.places import Place, Remembered

__all__ = ["Look", "MemoryConfig", "ObjectMemory", "Place", "Recalled", "Remembered"]
