"""Where the decoder is cut when it cannot be built in one piece.

In: a model's sizes and a number of parts. Out: ranges of layers and the bytes of the largest. It knows
neither boards nor engines. Parts are built one at a time, so a build needs less memory; a run needs them all.
"""

from dataclasses import dataclass

from n3d_ros.errors import BadInputError


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
    """(first, one past the last) of each part, so that the largest is as small as can be.

    The head counts with the last part; the others share their layers evenly. Every part has a layer, however
    large the head is. BadInputError for more parts than layers.
    """
    if not 1 <= parts <= size.layers:
        raise BadInputError(f"parts: expected 1 to {size.layers} (the model's layers), got {parts}")
    if parts == 1:
        return [(0, size.layers)]

    def largest(num_last: int) -> float:
        return max(-(-(size.layers - num_last) // (parts - 1)), num_last + size.head / size.layer)

    shared = size.layers - min(range(1, size.layers - parts + 2), key=largest)
    cuts = [shared * i // (parts - 1) for i in range(parts)]
    return list(zip(cuts, [*cuts[1:], size.layers], strict=True))


def largest_part(size: ModelSize, parts: int) -> float:
    """Bytes at 16 bits of the part that needs the most to build."""
    sizes = [(stop - first) * size.layer for first, stop in layer_ranges(size, parts)]
    return max(*sizes[:-1], sizes[-1] + size.head) if parts > 1 else size.products
