"""Where and in which precision torch runs a model, as a caller says it.

In: the end of a backend's name, such as 'cuda:bf16'. Out: `TorchOptions`, checked. It does not import torch:
whether a GPU is there is known only when the model loads.
"""

from __future__ import annotations

from dataclasses import dataclass

from n3d_ros.errors import BadInputError

DTYPES = ("fp32", "fp16", "bf16")


@dataclass(frozen=True)
class TorchOptions:
    """device: 'auto' (a GPU where torch sees one), 'cpu', 'cuda' or 'cuda:1'. dtype: 'auto' (bf16 on a GPU,
    fp32 on a CPU), 'fp32', 'fp16' or 'bf16'. cuda_graphs: replay passes of few tokens instead of launching
    every kernel; without a GPU there are none.
    """

    device: str = "auto"
    dtype: str = "auto"
    cuda_graphs: bool = True

    def __post_init__(self) -> None:
        if self.device not in ("auto", "cpu") and self.device.partition(":")[0] != "cuda":
            raise BadInputError(f"device: expected auto, cpu, cuda or cuda:<number>, got {self.device!r}")
        if self.dtype != "auto" and self.dtype not in DTYPES:
            raise BadInputError(f"dtype: expected auto or one of {', '.join(DTYPES)}, got {self.dtype!r}")

    @classmethod
    def parse(cls, text: str) -> TorchOptions:
        """From 'cuda', 'bf16', 'cuda:bf16', 'cuda:1:fp16' or nothing."""
        *device, last = text.split(":")
        dtype = last if last in DTYPES else "auto"
        return cls(":".join(device if dtype == last else [*device, last]) or "auto", dtype)


BY_DEFAULT = TorchOptions()
