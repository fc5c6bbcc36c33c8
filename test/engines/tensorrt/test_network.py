"""The builder's quirks, on a made-up TensorRT: results without an exception, streams that fail."""

from types import SimpleNamespace

import pytest

from n3d_ros.engines.tensorrt import network as build_network
from n3d_ros.engines.tensorrt.network import BuildRequest, build_engine
from n3d_ros.errors import EngineError
from n3d_ros.runtime.backends.trt import api as trt_api


def test_a_bindings_version_that_returns_none_raises_with_its_log():
    """`create_network` returns None instead of raising where a flag's number changed its meaning."""

    class ILogger:
        pass

    class Builder:
        def __init__(self, logger):
            self.logger = logger

        def create_network(self, flags):
            assert flags == 2
            self.logger.log("Severity.ERROR", "unknown flag")
            self.logger.log("Severity.INTERNAL_ERROR", "and another reason")

    flags = SimpleNamespace(__members__={"STRONGLY_TYPED": 1})
    module = SimpleNamespace(ILogger=ILogger, Builder=Builder, NetworkDefinitionCreationFlag=flags)
    api = trt_api.TensorRt("tensorrt", "10.3", module)
    with pytest.raises(EngineError, match="cannot create a network: unknown flag; and another reason"):
        build_engine(api, BuildRequest("x.onnx", "x.engine", []))


def test_a_builder_without_streams_writes_the_bytes_that_it_returns(tmp_path):
    class Builder:
        def build_serialized_network(self, network, config):
            return b"plan"

    log = SimpleNamespace(checked=lambda result, what: result)
    api = trt_api.TensorRt("tensorrt", "10.3", None)
    size = build_network._serialize(api, Builder(), None, None, tmp_path / "e", log)
    assert size == 4 and (tmp_path / "e").read_bytes() == b"plan"


def test_a_build_that_fails_in_a_stream_tells_what_was_logged(tmp_path):
    class Builder:
        def build_serialized_network_to_stream(self, network, config, writer):
            assert writer.write(b"half") == 4
            return False

    class Writer:
        pass

    api = trt_api.TensorRt("tensorrt_rtx", "1.7", SimpleNamespace(IStreamWriter=Writer, ILogger=Writer))
    log = trt_api.ErrorLog(api)
    log.logger.log("Severity.ERROR", "no tactic for node 7")
    with pytest.raises(
        EngineError, match="e.engine: tensorrt_rtx 1.7 could not build it: no tactic for node 7"
    ):
        build_network._serialize(api, Builder(), None, None, tmp_path / "e.engine", log)
