"""A paused QEMU pseries machine whose RTAS calls are made from outside.

QEMU takes a `rtas` command on its qtest socket even when it runs under TCG, so
the firmware model can be held against the real thing without a guest. The methods
are those of `Firmware`; what QEMU refuses comes back as `PlatformError`.
"""

from __future__ import annotations

import json
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path

from pydlpar import PlatformError
from pydlpar.data.generate import MACHINE, Qmp, boot_image, negotiate, settle

QEMU = shutil.which("qemu-system-ppc64")
ARGUMENTS, RESULTS, AREA = 0x10000, 0x11000, 0x12000
PAGE = 4096
TIMEOUT = 10  # seconds for any answer


class QemuMachine:
    """One QEMU process. A context manager."""

    def __init__(self, folder: Path, machine: list[str], vector: bytes) -> None:
        self.folder = folder
        self.qmp_events = []
        (folder / "boot").write_bytes(boot_image(vector))
        command = [
            *("qemu-system-ppc64", "-M", MACHINE, "-cpu", "power9_v2.0"),
            *("-accel", "tcg", "-S", "-display", "none", "-nodefaults"),
            *("-bios", str(folder / "boot")),
            *("-qmp", f"unix:{folder / 'qmp'},server=on,wait=off"),
            *("-qtest", f"unix:{folder / 'qtest'},server=on,wait=off"),
            *("-qtest-log", "/dev/null"),
            *machine,
        ]
        self.log = (folder / "stderr").open("w+")
        self.process = subprocess.Popen(command, stderr=self.log)
        self.qmp = Qmp(folder / "qmp")
        self.qtest = self._connect(folder / "qtest")
        negotiate(self.qmp, folder / "memory")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        self.qmp.stream.close()
        self.qmp.socket.close()
        self.qtest.close()
        self._qtest_socket.close()
        self.log.close()

    def last_words(self):
        """What QEMU said last."""
        return (self.folder / "stderr").read_text()[-500:]

    def _connect(self, path):
        self._qtest_socket = socket.socket(socket.AF_UNIX)
        self._qtest_socket.settimeout(TIMEOUT)
        for _ in range(100):
            try:
                self._qtest_socket.connect(str(path))
                break
            except OSError:
                time.sleep(0.05)
        return self._qtest_socket.makefile("rw")

    def tree(self) -> bytes:
        """The tree that the machine gives its guest."""
        path = self.folder / "dtb"
        self.qmp.run("dumpdtb", filename=str(path))
        return settle(path.read_bytes(), "rng-seed")

    def _ask(self, line):
        self.qtest.write(line + "\n")
        self.qtest.flush()
        answer = self.qtest.readline().split()
        assert answer[:1] == ["OK"], f"{line}: {answer} {self.last_words()}"
        return answer[1:]

    def write(self, address, data):
        self._ask(f"write {address:#x} {len(data):#x} 0x{data.hex()}")

    def read(self, address, size):
        return bytes.fromhex(self._ask(f"read {address:#x} {size:#x}")[0][2:])

    def rtas(self, name, arguments, n_results):
        """An RTAS call: its results, as signed numbers."""
        self.write(ARGUMENTS, struct.pack(f">{len(arguments)}I", *arguments))
        self._ask(
            f"rtas {name} {len(arguments)} {ARGUMENTS:#x} {n_results} {RESULTS:#x}"
        )
        return struct.unpack(f">{n_results}i", self.read(RESULTS, 4 * n_results))

    def get_sensor_state(self, sensor, index):
        return self.rtas("get-sensor-state", (sensor, index), 2)

    def set_indicator(self, indicator, index, value):
        return self.rtas("set-indicator", (indicator, index, value), 1)[0]

    def connector_call(self, index, work_area):
        del index
        self.write(AREA, bytes(work_area))
        (status,) = self.rtas("ibm,configure-connector", (AREA, 0), 1)
        work_area[:] = self.read(AREA, PAGE)
        return status

    def check_exception(self, mask):
        arguments = (0x500, 0, mask, 0, AREA, 2048)
        (status,) = self.rtas("check-exception", arguments, 1)
        return status, b"" if status else self.read(AREA, 116)

    def command(self, name, **arguments):
        """A QMP command; events that come first are kept."""
        request = {"execute": name, "arguments": arguments}
        self.qmp.stream.write(json.dumps(request) + "\n")
        self.qmp.stream.flush()
        while True:
            answer = json.loads(self.qmp.stream.readline())
            if "error" in answer:
                raise PlatformError(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]
            self.qmp_events.append(
                {"event": answer["event"], "data": answer.get("data")}
            )

    def plug_cpu(self, core_id, id):
        driver = "power9_v2.0-spapr-cpu-core"
        self.command("device_add", **{"driver": driver, "core-id": core_id, "id": id})

    def plug_memory(self, size, id, addr=None, node=0):
        backend = f"m{self._next()}"
        kind = "memory-backend-ram"
        self.command("object-add", **{"qom-type": kind, "id": backend, "size": size})
        where = {} if addr is None else {"addr": addr}
        self.command(
            "device_add", driver="pc-dimm", memdev=backend, id=id, node=node, **where
        )

    def _next(self):
        self._backends = getattr(self, "_backends", 0) + 1
        return self._backends

    def unplug(self, target):
        self.command("device_del", id=target)

    def system_powerdown(self):
        self.command("system_powerdown")

    def reset(self):
        self.command("system_reset")
        self.command("query-status")
