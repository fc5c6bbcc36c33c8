"""What doctor saw of graph and machine, before anything is judged.

Plain values, so that every check is tested without a graph. Messages stand as they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.inputs.qos import Quality
from n3d_ros.node.plain.inputs.state import InputState, Level


@dataclass(frozen=True)
class StatusSeen:
    """A line of the node's /diagnostics. name: without the node's."""

    name: str
    level: Level
    message: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TopicSeen:
    """One input of the node, as doctor heard it for some seconds.

    state: judged by the node's own rules; it counts what doctor heard. type_name: that the node takes; types:
    that are published under its name, publishers: the nodes that do it with the right type, one for each
    publisher. wanted: asked for by the node. others: topics of its type that somebody publishes and no other
    n3d node takes; packed: compressed forms of others that are published in no other. compressed: its own
    compressed form, where that is published and the node takes the raw one. suffix: of the compressed form,
    where the node takes that. num_by_node, rate_by_node_hz: what the node says it heard.

    is_mixed: frame, size or K went to and fro between messages. stamp_ns: the newest. is_still: several
    messages came, and all with that stamp.
    """

    state: InputState
    type_name: str
    types: tuple[str, ...] = ()
    wanted: Quality = Quality()
    others: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    packed: tuple[str, ...] = ()
    compressed: str = ""
    suffix: str = ""
    is_mixed: bool = False
    stamp_ns: int | None = None
    is_still: bool = False
    num_by_node: int = 0
    rate_by_node_hz: float = 0.0

    @property
    def is_absent(self) -> bool:
        """Whether nobody publishes it."""
        return not self.state.num_publishers and not self.state.num

    @property
    def needs_auto(self) -> bool:
        """Whether nothing comes for the quality of service that the node asks for, or what was sent once did
        not.
        """
        is_missed = bool(self.state.missed) and self.state.num == 1 and not self.num_by_node
        return bool(self.state.incompatible) or is_missed

    @property
    def is_info(self) -> bool:
        """Sent once is enough: it describes the lens, and is as old as it is."""
        return self.state.name.endswith("info")

    @property
    def age_s(self) -> float:
        """Of the newest stamp when it came, in the node's clock; means nothing before a message came."""
        return -self.state.ahead_s


@dataclass(frozen=True)
class FrameSeen:
    """The newest messages of each kind, None: none came. num_pairs: colour and depth that belong together,
    by the node's synchroniser, with its window slop_ms. unpaired: what others lack, and what mends it.
    places: tf frame -> why the picture's place in it is unknown, empty: it is known.

    alignment: why depth cannot be registered; refused: why the node would not take all together; empty: it
    can, it would.
    """

    rgb: Any = None
    depth: Any = None
    camera_info: Any = None
    depth_info: Any = None
    num_pairs: int = 0
    slop_ms: float = 0.0
    unpaired: tuple[str, str] | None = None
    rgb_topic: str = ""
    alignment: str = ""
    refused: str = ""
    places: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GraphSeen:
    """node: full name of the one that is looked for. is_there: in the graph. others: other n3d nodes.
    presets: camera presets whose topics are all published, with these. where: domain, middleware and
    discovery range, as doctor has them. num_clocks: publishers of /clock.

    life: lifecycle state, empty: no answer. parameters: None: no answer. clock_off_s: how far the node's
    clock is behind doctor's. info: of ~/get_info, empty: no answer.
    """

    node: str
    is_there: bool
    where: str
    others: tuple[str, ...] = ()
    presets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    num_clocks: int = 0
    life: str = ""
    parameters: Parameters | None = None
    use_sim_time: bool = False
    clock_off_s: float = 0.0
    info: Mapping[str, str] = field(default_factory=dict)
    statuses: tuple[StatusSeen, ...] = ()
    topics: tuple[TopicSeen, ...] = ()
    frame: FrameSeen | None = None


@dataclass(frozen=True)
class PackageSeen:
    """A Python package. version: empty where it does not import; error: why not."""

    version: str = ""
    error: str = ""


@dataclass(frozen=True)
class ModelSeen:
    """A model folder with all that runs it. error: why it cannot be used. num_bytes: of its files. engine:
    what is known of TensorRT engines of it.
    """

    folder: str
    name: str = ""
    num_bytes: int = 0
    error: str = ""
    engine: str = ""
    engine_error: str = ""


@dataclass(frozen=True)
class MachineSeen:
    """This machine and this Python. environment: 'virtual environment', 'conda' or 'system'. packages: by
    import name. Bytes are None where the system does not say. ros_distro: $ROS_DISTRO.
    """

    python: tuple[int, int, int]
    executable: str
    environment: str
    ros_distro: str
    packages: Mapping[str, PackageSeen]
    model: ModelSeen | None = None
    memory_bytes: int | None = None
    receive_buffer_bytes: int | None = None
    shared_memory_bytes: int = 0
