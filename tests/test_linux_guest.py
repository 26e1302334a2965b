"""`Linux` in a real guest, by the guest's own Python; and drmgr and rtas_errd there."""

from __future__ import annotations

import errno
import json
from binascii import a2b_base64
from pathlib import Path

import pytest
from guest_pair import boot, content, lacking
from ppc64le import package

from pydlpar import DeviceTree
from pydlpar.platforms.guest import DIALECT_OF

pytestmark = pytest.mark.slow

INSIDE = Path(__file__).with_name("guest_inside.py")
TAKES = {"6.1": "memory,cpu\n", "6.12": "memory,cpu,dt\n"}


@pytest.mark.parametrize("line", list(DIALECT_OF))
def test_inside_a_guest(line, tmp_path):
    """Every method, with the kernel's own answers; a dry run left it as it was."""
    if reason := lacking(line):
        pytest.skip(reason)
    files = {**package(tmp_path), "root/inside.py": INSIDE}
    with boot(line, add=files) as guest:
        device = guest.plug_pci("virtio-rng-pci", id="r1")
        guest.settle(1)
        result = guest.run("python3 /root/inside.py", 200)
        assert not result.status, result.err.decode()
        told = json.loads(result.out)
        tree = content(guest.device_tree())
    request = "cpu remove index 0x10000001"
    assert told["dry"] == 0
    assert told["planned"] == [["/sys/kernel/dlpar", request]]
    assert told["same"]
    assert told["takes"] == TAKES[line]
    assert told["events"] == list(device.drc_indexes)
    assert told["removed"] == len(request)
    assert told["again"] == -errno.ENODEV
    assert told["ofdt"] == len(b"add_node /pydlpar name 8 pydlpar\0")
    assert told["drmgr_locked_out"] != 0
    assert told["drmgr"] == 0
    assert content(DeviceTree.from_dtb(a2b_base64(told["tree"]))) == tree
    assert "/pydlpar" in tree
