"""`n3d export`: a checkpoint folder written as a folder that the robot loads."""

import argparse
from pathlib import Path


def add_export(parser: argparse.ArgumentParser) -> None:
    """`n3d export`: a checkpoint folder to ONNX graphs with a manifest."""
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        help="checkpoint folder (config, tokenizer, safetensors), or hub:OWNER/NAME to download it",
    )
    parser.add_argument("--out", type=Path, required=True, help="engine folder to write")
    parser.add_argument(
        "--weights", choices=("fp16", "fp32", "keep"), default="keep", help="stored type of the weights"
    )
    parser.set_defaults(run=run_export)


def run_export(args: argparse.Namespace) -> int:
    """Export and say where; exit code 0."""
    from n3d_ros.engines.export.folder import export
    from n3d_ros.model_folder.hub import local_folder

    export(local_folder(args.model), args.out, weights_dtype=None if args.weights == "keep" else args.weights)
    print(f"wrote {args.out}")
    return 0
