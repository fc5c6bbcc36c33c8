"""Who may import whom: reads the import statements of every module, so a wrong direction fails at once.

The point of it: what runs on the robot needs numpy and one engine runtime, ROS stays in a shell around the
library, and training and export cannot leak into either.
"""

import ast
import importlib
import subprocess
import sys

import pytest
from places import CHECKOUT

from n3d_ros.child_process import package_environment

LIBRARY = (
    "errors plain_text geometry cameras boxes preprocess depth_fit protocol spatial storage files "
    "model_folder"
)
RUNTIME = f"{LIBRARY} runtime"
NODE = "node.conversions node.optional_packages node.parameters node.plain node.transforms"
REST = (
    "version client recording text_table child_process ros_domain overlay object_points depth_models node "
    "sim engines training"
)

# Folder, or module directly in n3d_ros -> what it may import of this package, beside itself. The longest row
# that fits a module holds for it. A row without a dot stands for its folders too.
ROWS = {
    "": "version",
    "version": "",
    "errors": "",
    "plain_text": "",
    "storage": "plain_text",
    "child_process": "",
    "ros_domain": "plain_text",
    "geometry": "errors plain_text",
    "cameras": "errors plain_text geometry preprocess",
    "boxes": "errors geometry",
    "text_table": "",
    "overlay": "plain_text boxes geometry",
    "object_points": "boxes geometry preprocess",
    "depth_fit": "boxes geometry preprocess",
    "preprocess": "errors geometry",
    "protocol": "errors plain_text geometry boxes",
    "spatial": "errors geometry boxes protocol",
    "files": "errors plain_text storage geometry cameras boxes preprocess protocol",
    "model_folder": "errors plain_text storage preprocess",
    "memory": "plain_text storage geometry boxes spatial",
    "depth_models": "errors geometry preprocess",
    "model": "errors plain_text storage preprocess model_folder",
    "runtime": LIBRARY,
    "runtime.decoding": "errors plain_text storage model_folder protocol runtime.backends.base runtime.types",
    "runtime.backends": "errors plain_text storage preprocess model_folder",
    "runtime.backends.pytorch": "errors preprocess model_folder model runtime.backends",
    "sim": "errors geometry boxes",
    "sim.kinds": "geometry sim.meshes sim.shapes",
    "sim.surfaces": "geometry sim.gl sim.look sim.meshes sim.shapes",
    "sim.sensors": "geometry sim.noise sim.render sim.surfaces",
    "sim.capture": "geometry sim.camera sim.look sim.render",
    "node": f"{RUNTIME} overlay object_points version memory ros_domain",
    "node.conversions": "errors plain_text files geometry cameras preprocess",
    "node.transport": "",
    "node.optional_packages": "",
    "node.transforms": "errors node.optional_packages node.plain",
    "node.plain": "plain_text errors boxes child_process",
    "node.parameters": "cameras geometry files preprocess runtime.backends runtime.limits runtime.options",
    "node.inputs": f"errors cameras geometry preprocess {NODE}",
    "node.outputs": f"{RUNTIME} overlay object_points {NODE} node.inputs",
    "node.desk": f"{RUNTIME} {NODE} node.engine node.inputs node.outputs",
    "node.memory": f"{RUNTIME} memory {NODE} node.desk node.inputs node.outputs",
    "engines": f"{RUNTIME} version text_table child_process model depth_models",
    "engines.bench": f"{RUNTIME} version text_table child_process model engines sim",
    "training": f"{RUNTIME} version recording model sim",
    "training.qa": (
        f"{RUNTIME} text_table overlay training.lift training.workers training.run_folder training.chat"
    ),
    "training.lift": (
        "errors plain_text text_table storage geometry cameras boxes preprocess files depth_models overlay "
        "training.run_folder"
    ),
    "training.finetune": f"{RUNTIME} model training.qa training.nano",
    "training.claims": f"{LIBRARY} model runtime text_table sim training",
    "training.run_folder": "storage",
    "training.chat": "errors plain_text storage",
    "training.workers": "errors plain_text child_process",
    "training.exports": (
        f"{LIBRARY} training.workers training.run_folder training.lift training.qa training.finetune.turns"
    ),
    "training.leaks": "storage files training.lift training.run_folder",
    "training.speed": "errors plain_text storage text_table child_process training",
    "training.simulated": "storage geometry boxes sim",
    "training.evaluation": (
        f"{RUNTIME} sim text_table overlay depth_models training.questions training.qa "
        "training.run_folder training.chat training.lift.sources.json_items"
    ),
    "client": "errors geometry cameras plain_text ros_domain",
    "recording": "errors boxes cameras plain_text preprocess node.conversions node.desk.names",
    "commands": f"{RUNTIME} {REST}",
    "cli": "errors plain_text version commands",
}

TORCH = ("model", "runtime.backends.pytorch", "depth_models", "engines", "training")

# Package -> the parts that may import it. TensorRT and CUDA: nobody; `runtime.backends.trt` loads them by
# name, in whichever package they come.
THIRD_PARTY = {
    "torch": TORCH,
    "transformers": TORCH,
    "safetensors": TORCH,
    "onnx": ("engines",),
    "onnxruntime": ("runtime.backends.ort", "engines"),
    "tensorrt": (),
    "tensorrt_rtx": (),
    "modelopt": ("engines.quantize.awq",),
    "huggingface_hub": ("model_folder.hub", "model"),
    "tokenizers": ("runtime", "model", "engines", "training", "commands.train"),
    "accelerate": ("training",),
    "peft": ("training",),
    "datasets": ("training",),
    "ray": ("training.workers",),
    "moge": ("depth_models",),
    "pyarrow": ("training", "commands"),
    "pycocotools": ("training.lift", "training.simulated", "commands"),
    "mujoco": ("sim",),
    "mcp": ("commands.mcp",),
    "rosbags": ("recording", "commands.play.bags"),
    "rerun": ("commands.view.scene",),
}

# The parts that may import ROS: the node, its client, and the programs around both (demo, play).
ROS = ("node", "client", "commands")

# What the node decides and converts without ROS, so that its logic is tested in milliseconds.
PLAIN = (
    "client.arguments",
    "client.results",
    "client.messages",
    "node.plain",
    "node.conversions",
    "node.engine",
    "node.parameters.declared",
    "node.parameters.table",
)

ROS_PACKAGES = {
    "rclpy",
    "message_filters",
    "tf2_ros",
    "tf_transformations",
    "launch",
    "launch_ros",
}
ROS_PACKAGES |= {"builtin_interfaces", "rcl_interfaces", "rosidl_runtime_py", "ament_index_python"}
GENERATED = ("msg", "srv", "action")
BACKENDS = tuple(f"n3d_ros.runtime.backends.{name}" for name in ("ort", "pytorch.backend", "trt.backend"))
TOOLS = ("engines", "training")


def module_files():
    """Every module of the package by its name without `n3d_ros.`."""
    found = {}
    for folder, prefix in ((PACKAGE, ()), *((PACKAGE / tool, (tool,)) for tool in TOOLS)):
        for path in folder.rglob("*.py"):
            parts = (*prefix, *path.relative_to(folder).with_suffix("").parts)
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


PACKAGE = CHECKOUT / "n3d_ros"
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
    """Whether a module is a part or lies in it."""
    return f"{module}.".startswith(f"{part}.")


def in_parts(module, parts):
    """Whether a module lies in one of the parts."""
    return any(belongs(module, part) for part in parts)


def row_of(module):
    """The longest row that fits a module."""
    rows = [row for row in ROWS if module == row or (row and belongs(module, row))]
    assert rows, f"n3d_ros.{module} lies in no row of the table"
    return max(rows, key=len)


def may_import(module, name):
    """Whether `module` of ours may import `name`."""
    package, _, inner = name.partition(".")
    if package == "n3d_ros" and inner and inner.partition(".")[0] not in GENERATED:
        row = row_of(module)
        return any(belongs(inner, part) for part in (row, *ROWS[row].split()))
    if package in ROS_PACKAGES or package.endswith("_msgs") or inner.partition(".")[0] in GENERATED:
        return in_parts(module, ROS) and not in_parts(module, PLAIN)
    return any(belongs(module, part) for part in THIRD_PARTY.get(package, [module]))


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_only_what_its_part_may(module):
    wrong = [name for name, _ in imported(FILES[module].read_text(), FILES) if not may_import(module, name)]
    assert wrong == [], f"n3d_ros.{module} must not import these; see the tables above"


@pytest.mark.parametrize(
    "module",
    [module for module in FILES if not any(belongs(module, tool) for tool in (*TOOLS, "commands.build"))],
)
def test_a_backend_is_imported_by_nobody_but_the_factory_and_there_only_when_chosen(module):
    for name, lazy in imported(FILES[module].read_text(), FILES):
        if name in BACKENDS and not belongs(name, f"n3d_ros.{row_of(module)}"):
            assert module == "runtime.backends.factory", f"n3d_ros.{module} imports {name}"
            assert lazy, f"{name} must be imported inside a function"


@pytest.mark.parametrize(
    ("module", "name", "allowed"),
    [
        ("boxes", "n3d_ros.geometry", True),
        ("geometry", "n3d_ros.boxes", False),
        ("geometry", "numpy", True),
        ("geometry", "torch.nn", False),
        ("preprocess.depth", "n3d_ros.protocol.box_codec", False),
        ("preprocess.prepare", "n3d_ros.preprocess.depth", True),
        ("preprocess.prepare", "n3d_ros.runtime.types", False),
        ("preprocess.prepare", "n3d_ros.cli", False),
        ("spatial.answering", "n3d_ros.spatial.types", True),
        ("spatial", "n3d_ros.runtime.types", False),
        ("runtime.pipeline", "n3d_ros.protocol.prompts", True),
        ("runtime.pipeline", "n3d_ros.model.config", False),
        ("runtime.pipeline", "torch", False),
        ("runtime.backends.pytorch.backend", "n3d_ros.model.n3d_vlm", True),
        ("runtime.backends.ort", "onnxruntime", True),
        ("runtime.backends.base", "n3d_ros.runtime.pipeline", False),
        ("runtime.decoding.generate", "n3d_ros.runtime.backends.base", True),
        ("runtime.decoding.generate", "n3d_ros.runtime.pipeline", False),
        ("runtime.types", "onnxruntime", False),
        ("runtime.types", "sensor_msgs.msg", False),
        ("node.n3d_node", "n3d_ros.msg", True),
        ("node.n3d_node", "n3d_ros.sim", False),
        ("node.plain.engine.worker", "rclpy.node", False),
        ("node.plain.engine.worker", "n3d_ros.node.parameters.declared", False),
        ("node.plain.engine.early", "n3d_ros.node.conversions", False),
        ("node.conversions", "sensor_msgs.msg", False),
        ("node.outputs.publishers", "n3d_ros.node.desk.desk", False),
        ("node.desk.tickets", "n3d_ros.node.node", False),
        ("sim.scene", "mujoco", True),
        ("cli", "mujoco", False),
        ("cli", "n3d_ros.training.nano", False),
        ("model.config", "n3d_ros.runtime.types", False),
        ("model.checkpoint", "n3d_ros.model_folder.tensors", True),
        ("runtime.pipeline", "huggingface_hub", False),
        ("engines.export.folder", "n3d_ros.training.nano.model", False),
        ("engines.bench.scenes", "n3d_ros.sim", True),
        ("engines.export.folder", "n3d_ros.sim", False),
        ("training.nano.train", "n3d_ros.engines.export.folder", False),
        ("training.nano.train", "n3d_ros.model.n3d_vlm", True),
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
    "module",
    [
        "runtime.pipeline",
        "runtime.types",
        "node.plain.engine.worker",
        "node.plain.inputs.sync",
        "spatial",
        "cli",
    ],
)
def test_importing_loads_no_heavy_package(module):
    """What the robot loads first must not wait for torch, and must work where it is not installed."""
    heavy = ("torch", "transformers", "tensorrt", "rclpy", "mujoco", "onnxruntime")
    code = f"import sys, n3d_ros.{module}; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env=package_environment(),
        capture_output=True,
        text=True,
    )
    assert result.stderr == ""
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("folder", ["test", "tools", "launch", "config", "native"])
def test_the_checkout_is_no_package(folder):
    with pytest.raises(ModuleNotFoundError, match=f"n3d_ros.{folder}"):
        importlib.import_module(f"n3d_ros.{folder}")


@pytest.mark.parametrize("folder", TOOLS)
def test_tools_are_subpackages_at_one_place(folder):
    module = importlib.import_module(f"n3d_ros.{folder}")
    assert list(module.__path__) == [str(PACKAGE / folder)]
    assert (PACKAGE / folder).resolve() == CHECKOUT / folder


def circles(imports):
    """Groups of modules that import each other, if through others. imports: module -> what it imports."""
    reach = {module: set(direct) for module, direct in imports.items()}
    while True:
        wider = {module: found.union(*(reach[other] for other in found)) for module, found in reach.items()}
        if wider == reach:
            break
        reach = wider
    groups = {frozenset(b for b in found if a in reach[b]) for a, found in reach.items() if a in found}
    return sorted(sorted(group) for group in groups)


def test_no_modules_import_each_other_in_a_circle():
    """Imports inside functions and under TYPE_CHECKING count: a reader has to follow them all the same."""
    imports = {
        module: {
            name.removeprefix("n3d_ros.")
            for name, _ in imported(path.read_text(), FILES)
            if name.removeprefix("n3d_ros.") in FILES and name != "n3d_ros"
        }
        for module, path in FILES.items()
    }
    assert circles(imports) == []


def test_a_circle_is_found_and_a_module_beside_it_is_not():
    imports = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}
    assert circles(imports) == [["a", "b", "c"]]


def test_every_folder_with_modules_is_a_package():
    """setup.py installs packages only: a folder without `__init__.py` would be missing there."""
    folders = {path.parent for path in FILES.values()}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []
