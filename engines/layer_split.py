"""Where the decoder is cut when it cannot be built in one piece.

In: a model's sizes and a number of parts. Out: ranges of layers and the bytes of the largest. It knows
neither boards nor engines. What becomes less is the memory of a build, one part at a time; a run needs all.
"""

from dataclasses import dataclass

from n3d_ros.runtime.types import BadInputError


@dataclass(frozen=True)
class ModelSize:
    """Bytes at 16 bits: of the decoder's products, `head` of them in the head (the rest evenly in `layers`);
    of the vision tower; of one cached token.
    """

    products: float
    rest: float
    kv_per_token: float
    head: float = 0.0
    layers: int = 1

    @property
    def layer(self) -> float:
        return (self.products - self.head) / self.layers


def layer_ranges(size: ModelSize, parts: int) -> list[tuple[int, int]]:
    """(first, one past the last) of each part, alike in bytes: the head counts with the last part.

    Every part has a layer, however large the head is. BadInputError for more parts than layers.
    """
    if not 1 <= parts <= size.layers:
        raise BadInputError(f"parts: expected 1 to {size.layers} (the model's layers), got {parts}")
    share = size.products / size.layer / parts
    cuts = [min(max(int(i * share + 0.5), i), size.layers - (parts - i)) for i in range(1, parts)]
    return list(zip([0, *cuts], [*cuts, size.layers], strict=True))


def largest_part(size: ModelSize, parts: int) -> float:
    """Bytes at 16 bits of the part that needs the most to build."""
    ranges = layer_ranges(size, parts)
    *others, last = [(stop - first) * size.layer for first, stop in ranges]
    return max(*others, last + size.head) if others else size.products
