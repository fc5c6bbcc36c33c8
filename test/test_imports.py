"""Who may import whom: reads the import statements of every module, so a wrong direction fails at once.

The point of it: what runs on the robot needs numpy and one engine runtime, ROS stays in a shell around the
library, and training and export cannot leak into either.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("engines", "training")
FOLDERS = ("model", "sim", "runtime", "node", "commands", *TOOLS)
TORCH = ("model", "runtime.torch_backend", "runtime.torch_cache", "runtime.torch_step", *TOOLS)
TORCH += ("runtime.depth_models",)

THIRD_PARTY = {
    "torch": TORCH,
    "transformers": TORCH,
    "safetensors": TORCH,
    "onnx": ("engines",),
    "onnxruntime": ("runtime.ort_backend", "engines"),
    "tensorrt": (),
    "tensorrt_rtx": (),
    "modelopt": ("engines.quantize_awq",),
    "huggingface_hub": ("runtime.hub", "model"),
    "tokenizers": ("runtime", "model", *TOOLS),
    "moge": ("runtime.depth_models",),
    "mujoco": ("sim",),
}
"""Package -> the parts that may import it. TensorRT and CUDA: nobody; `runtime.trt_api` and `trt_cuda` load
them by name, in whichever package they come.
"""

ROS = ("node", "commands")
"""The parts that may import ROS: the node, and the programs that talk to it over ROS (demo, play)."""

ROS_PACKAGES = {
    "rclpy",
    "message_filters",
    "cv_bridge",
    "tf2_ros",
    "tf_transformations",
    "launch",
    "launch_ros",
}
ROS_PACKAGES |= {"builtin_interfaces", "rcl_interfaces", "rosidl_runtime_py", "ament_index_python"}
GENERATED = ("msg", "srv", "action")

PARTS = {
    "geometry": (),
    "boxes": ("geometry",),
    "box_text": (),
    "box_codec": ("box_text", "boxes", "geometry"),
    "depth": ("geometry", "point_code"),
    "native": ("limbs", "native_arguments", "resample"),
    "native_arguments": ("limbs", "resample"),
    "limbs": ("resample",),
    "resample": (),
    "evidence": ("boxes", "geometry"),
    "prompts": ("boxes", "evidence"),
    "spatial": ("boxes", "evidence", "spatial"),
    "model": ("library", "model"),
    "model.checkpoint": ("library", "model", "runtime"),
    "sim": ("library", "sim"),
    "runtime": ("library", "runtime"),
    "runtime.torch_backend": ("library", "runtime", "model"),
    "node": ("library", "runtime", "node"),
    "commands": ("library", "runtime", "node", "sim", "commands"),
    "commands.bench": ("library", "runtime", "commands", "engines"),
    "cli": ("library", "commands"),
    "engines": ("library", "model", "runtime", "engines"),
    "engines.bench_scenes": ("library", "sim", "engines"),
    "training": ("library", "model", "sim", "runtime", "training"),
    "training.commands": ("library", "model", "sim", "runtime", "training", "engines"),
    "training.quantize_command": ("library", "model", "sim", "runtime", "training", "engines"),
    "library": ("library",),
}
"""Part -> the parts it may import. "library" is every other module directly in n3d_ros.

`engines.bench_scenes` renders what `n3d bench` asks about; no other engine code knows the simulator.
`training.commands` and `training.quantize_command` are where both tools meet: `n3d train` ends by exporting
what it trained, `n3d quantize` by measuring what it wrote.
"""

NO_ROS = ("node.worker", "node.sync", "node.requests", "node.ids", "node.early")
"""Parts of the node that are plain Python, so that their logic is tested in milliseconds."""


def module_files():
    """Every module of the package by its name without `n3d_ros.`."""
    found = {}
    for folder, prefix in ((ROOT / "n3d_ros", ()), *((ROOT / tool, (tool,)) for tool in TOOLS)):
        for path in folder.rglob("*.py"):
            parts = (*prefix, *path.relative_to(folder).with_suffix("").parts)
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


FILES = module_files()


def imported(source, known):
    """(name, lazy) of every import, such as `torch.nn` or `n3d_ros.boxes`; lazy ones are in functions."""
    tree = ast.parse(source)
    in_functions = {
        id(inner)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"expected absolute imports, got a relative one of {node.module}"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix("n3d_ros.") in known else str(node.module) for name in inner]
        else:
            continue
        for name in names:
            yield name, id(node) in in_functions


def belongs(module, part):
    """Whether a module is a part or lies in it; "library" is what lies directly in n3d_ros."""
    if part == "library":
        return module.partition(".")[0] not in (*FOLDERS, "cli")
    return f"{module}.".startswith(f"{part}.") or (part == "spatial" and module.startswith("spatial_"))


def may_import(module, name):
    """Whether `module` of ours may import `name`."""
    package, _, inner = name.partition(".")
    if package == "n3d_ros" and inner and inner.partition(".")[0] not in GENERATED:
        part = max(
            (part for part in PARTS if part != "library" and belongs(module, part)),
            key=len,
            default="library",
        )
        return any(belongs(inner, target) for target in PARTS[part])
    if package in ROS_PACKAGES or package.endswith("_msgs") or inner.partition(".")[0] in GENERATED:
        return module not in NO_ROS and any(belongs(module, part) for part in ROS)
    return any(belongs(module, part) for part in THIRD_PARTY.get(package, [module]))


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_only_what_its_part_may(module):
    wrong = [name for name, _ in imported(FILES[module].read_text(), FILES) if not may_import(module, name)]
    assert wrong == [], f"n3d_ros.{module} must not import these; see the tables above"


@pytest.mark.parametrize("module", [module for module in FILES if module.partition(".")[0] not in TOOLS])
def test_a_backend_is_imported_by_nobody_but_the_factory_and_there_only_when_chosen(module):
    for name, lazy in imported(FILES[module].read_text(), FILES):
        if name.startswith("n3d_ros.runtime.") and name.endswith("_backend"):
            assert module == "runtime.factory", f"n3d_ros.{module} imports {name}"
            assert lazy, f"{name} must be imported inside a function"


@pytest.mark.parametrize(
    ("module", "name", "allowed"),
    [
        ("boxes", "n3d_ros.geometry", True),
        ("geometry", "n3d_ros.boxes", False),
        ("geometry", "numpy", True),
        ("geometry", "torch.nn", False),
        ("depth", "n3d_ros.box_codec", False),
        ("spatial_rules", "n3d_ros.spatial_types", True),
        ("spatial", "n3d_ros.runtime.types", False),
        ("preprocess", "n3d_ros.depth", True),
        ("preprocess", "n3d_ros.runtime.types", False),
        ("preprocess", "n3d_ros.cli", False),
        ("runtime.pipeline", "n3d_ros.prompts", True),
        ("runtime.pipeline", "n3d_ros.model.config", False),
        ("runtime.pipeline", "torch", False),
        ("runtime.torch_backend", "n3d_ros.model.n3d_vlm", True),
        ("runtime.ort_backend", "onnxruntime", True),
        ("runtime.types", "onnxruntime", False),
        ("runtime.types", "sensor_msgs.msg", False),
        ("node.n3d_node", "n3d_ros.msg", True),
        ("node.n3d_node", "n3d_ros.sim", False),
        ("node.worker", "rclpy.node", False),
        ("sim.scene", "mujoco", True),
        ("cli", "mujoco", False),
        ("cli", "n3d_ros.training.commands", False),
        ("model.config", "n3d_ros.runtime.types", False),
        ("model.checkpoint", "n3d_ros.runtime.safetensors_file", True),
        ("runtime.pipeline", "huggingface_hub", False),
        ("engines.export", "n3d_ros.training.nano", False),
        ("engines.bench_scenes", "n3d_ros.sim", True),
        ("engines.bench", "n3d_ros.sim", False),
        ("training.train", "n3d_ros.engines.export", False),
        ("training.train", "n3d_ros.model.n3d_vlm", True),
    ],
)
def test_the_tables_say_what_the_design_says(module, name, allowed):
    assert may_import(module, name) is allowed


def test_imports_are_found_wherever_they_hide():
    source = (
        "import torch.nn\nfrom n3d_ros import boxes, __version__\ndef f():\n    from rclpy.node import Node\n"
    )
    assert set(imported(source, {"boxes"})) == {
        ("torch.nn", False),
        ("n3d_ros.boxes", False),
        ("n3d_ros", False),
        ("rclpy.node", True),
    }


@pytest.mark.parametrize(
    "module", ["runtime.pipeline", "runtime.types", "node.worker", "node.sync", "spatial", "cli"]
)
def test_importing_loads_no_heavy_package(module):
    """What the robot loads first must not wait for torch, and must work where it is not installed."""
    heavy = ("torch", "transformers", "tensorrt", "rclpy", "mujoco", "onnxruntime")
    code = f"import sys, n3d_ros.{module}; print([name for name in {heavy} if name in sys.modules])"
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert result.stderr == ""
    assert result.stdout.strip() == "[]"
