"""Management of a QEMU machine: plugging, unplugging, power, over QMP.

Names, arguments and meaning are those of `Firmware`; refusals are QEMU's own.
"""

from __future__ import annotations

import re
from collections import deque
from posixpath import dirname
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydlpar.constants import DrcType
from pydlpar.drc import drc_index
from pydlpar.errors import ArgumentError, PlatformError, QemuError
from pydlpar.platforms.firmware_inventory import DEFAULT_LMB_SIZE

if TYPE_CHECKING:
    from pydlpar.platforms.qemu_qmp import Qmp

__all__ = ["QemuDevice", "QemuPlug"]

_LABEL_SIZE: Final = 128 << 10
_NAMED, _NAMELESS = "/machine/peripheral", "/machine/peripheral-anon"
_CORE, _THREAD = "-cpu-core", "/thread["
_NUMBERED: Final = re.compile(r"device\[(\d+)\]")
_HOST_BRIDGE: Final = "spapr-pci-host-bridge"
_CHASSIS_SHIFT: Final = 8
_BRIDGE_SHIFT: Final = 16


class QemuDevice(NamedTuple):
    """A device that was plugged into a QEMU machine.

    Attributes:
        driver: QEMU's name of its model.
        id: the name it was plugged with, or None.
        path: where QEMU keeps it among its objects.
        drc_indexes: of its connectors, in order of their address.
    """

    driver: str
    id: str | None
    path: str
    drc_indexes: tuple[int, ...]


class QemuPlug:
    """What the management of a machine does."""

    _qmp: Qmp

    def __init__(self) -> None:
        self._backends: dict[str, str] = {}
        """The memory behind a device, by the path of the device."""
        self._n_backends = 0
        self._at_start: set[str] = set()
        self._core_left = False

    @property
    def qmp_events(self) -> deque[dict[str, Any]]:
        """The latest events for the management, as dicts, oldest first.

        Only the last 4096 are kept. Asking for them asks QEMU: what it did before
        is among them.
        """
        self.command("query-status")
        return self._qmp.events

    def command(self, name: str, **arguments: Any) -> Any:
        """A QMP command: its answer.

        Raises:
            PlatformError: it was refused, in QEMU's words.
            QemuError: QEMU died, or did not answer in time.
        """
        return self._qmp.execute(name, **arguments)

    def plug_cpu(
        self, core_id: int | None = None, id: str | None = None, node: int | None = None
    ) -> QemuDevice:
        """Plug a core, and tell the partition.

        Args:
            core_id: id of its first thread; the first free one if None.
            id: the name to unplug it by.
            node: NUMA node; None takes the one that QEMU has for it.

        Raises:
            PlatformError: it cannot be plugged, in QEMU's words.
        """
        cores = self.command("query-hotpluggable-cpus")
        free = [c["props"]["core-id"] for c in cores if "qom-path" not in c]
        if core_id is None:
            if not free:
                raise PlatformError(f"all {len(cores)} cores are populated")
            core_id = min(free)
        driver = cores[0]["type"]
        path = self._add(driver, id, **{"core-id": core_id, "node-id": node})
        return QemuDevice(driver, id, path, (drc_index(DrcType.CPU, core_id),))

    def plug_memory(
        self, size: int, id: str | None = None, addr: int | None = None, node: int = 0
    ) -> QemuDevice:
        """Plug a DIMM, and tell the partition.

        A guest that negotiated hotplug events is told which LMBs, another one only
        how many.

        Args:
            size: bytes, a multiple of the LMB size.
            id: the name to unplug it by.
            addr: its address; the first gap that is large enough if None.
            node: NUMA node.

        Raises:
            PlatformError: it cannot be plugged, in QEMU's words.
        """
        path = self._add_memory("pc-dimm", id, size, addr=addr, node=node)
        first = self._get(path, "addr") // DEFAULT_LMB_SIZE
        lmbs = range(first, first + size // DEFAULT_LMB_SIZE)
        indexes = tuple(drc_index(DrcType.LMB, lmb) for lmb in lmbs)
        return QemuDevice("pc-dimm", id, path, indexes)

    def plug_nvdimm(
        self,
        size: int,
        uuid: str | None = None,
        label_size: int = _LABEL_SIZE,
        id: str | None = None,
        node: int = 0,
    ) -> QemuDevice:
        """Plug an NVDIMM, and tell the partition. It cannot be unplugged.

        The machine needs the option `nvdimm=on`.

        Args:
            size: bytes that the partition gets, a multiple of the LMB size; the
                label area is not among them.
            uuid: its unit GUID, which QEMU wants to be said.
            label_size: bytes of the label area.
            id: its name.
            node: NUMA node.

        Raises:
            PlatformError: it cannot be plugged, in QEMU's words.
        """
        rules = {"label-size": label_size, "uuid": uuid, "node": node}
        path = self._add_memory("nvdimm", id, size + label_size, **rules)
        index = drc_index(DrcType.PMEM, self._get(path, "slot"))
        return QemuDevice("nvdimm", id, path, (index,))

    def plug_phb(
        self,
        index: int | None = None,
        id: str | None = None,
        numa_node: int | None = None,
    ) -> QemuDevice:
        """Plug a PCI host bridge, and tell the partition.

        Its 256 slots come with it; its bus is called after *id*, with ".0".

        Args:
            index: number of the host bridge, 0 to 30, which QEMU wants to be said.
            id: the name to unplug it by.
            numa_node: NUMA node; None to say nothing about it.

        Raises:
            PlatformError: it cannot be plugged, in QEMU's words.
        """
        path = self._add(_HOST_BRIDGE, id, index=index, numa_node=numa_node)
        number = self._get(path, "index")
        return QemuDevice(_HOST_BRIDGE, id, path, (drc_index(DrcType.PHB, number),))

    def plug_pci(
        self,
        driver: str,
        slot: int | None = None,
        function: int = 0,
        id: str | None = None,
        *,
        bus: str | int = 0,
        multifunction: bool = False,
        chassis: int | None = None,
        **properties: Any,
    ) -> QemuDevice:
        """Plug a PCI function, and tell the partition once function 0 is there.

        Functions other than 0 come first, and are told of with function 0.

        Args:
            driver: QEMU's name of the device model.
            slot: 0 to 31; the first free one if None.
            function: 0 to 7.
            id: the name to unplug it by.
            bus: index of the host bridge, or a bus as QEMU names it: "pci.0", the
                id of a host bridge with ".0", the id of a PCI bridge.
            multifunction: the slot has more functions than this one.
            chassis: number of the chassis behind a PCI bridge, 1 to 255; its 256
                slots come with it.
            properties: others of the model, as `drive` or `netdev`.

        Raises:
            PlatformError: it cannot be plugged, in QEMU's words.
            ArgumentError: a function other than 0 without a slot.
        """
        if slot is None and function:
            raise ArgumentError(f"function {function}: in which slot?")
        rules = dict(properties)
        rules["bus"] = bus if isinstance(bus, str) else self._root_bus(bus)
        rules["addr"] = None if slot is None else f"{slot:x}.{function:x}"
        rules["multifunction"] = multifunction or None
        rules["chassis_nr"] = chassis
        path = self._add(driver, id, **rules)
        return QemuDevice(driver, id, path, (self._slot_index(path),))

    def unplug(self, target: str | QemuDevice) -> None:
        """Ask for a device back.

        It leaves at once if the partition has not taken it, else when the
        partition gives it back, or at the next reset. `qmp_events` tells.

        Args:
            target: its id, its path, or itself.

        Raises:
            PlatformError: there is no such device, or it cannot be asked for, in
                QEMU's words.
        """
        if isinstance(target, QemuDevice):
            target = target.id or target.path
        self.command("device_del", id=target)

    def system_powerdown(self) -> None:
        """Ask the partition to shut down: an EPOW event."""
        self.command("system_powerdown")

    def _add(self, driver: str, id: str | None, **rules: Any) -> str:
        """Add a device with those rules that are not None: its path."""
        self._drop_backends()
        rules["id"] = id
        said = {name: value for name, value in rules.items() if value is not None}
        self.command("device_add", driver=driver, **said)
        return self._newest() if id is None else f"{_NAMED}/{id}"

    def _newest(self) -> str:
        """The device without a name that came last: QEMU counts them."""
        members = self.command("qom-list", path=_NAMELESS)
        found = (_NUMBERED.fullmatch(member["name"]) for member in members)
        newest = max(int(match[1]) for match in found if match)
        return f"{_NAMELESS}/device[{newest}]"

    def _add_memory(self, driver: str, id: str | None, size: int, **rules: Any) -> str:
        backend = f"pydlpar-{self._n_backends}"
        self._n_backends += 1
        kind = {"qom-type": "memory-backend-ram"}
        self.command("object-add", id=backend, size=size, **kind)
        try:
            path = self._add(driver, id, memdev=backend, **rules)
        except PlatformError:
            self.command("object-del", id=backend)
            raise
        self._backends[path] = backend
        return path

    def _drop_backends(self) -> None:
        """Give back the memory of devices that have left."""
        if not self._backends:
            return
        for path in self._backends.keys() - self._peripherals().keys():
            self.command("object-del", id=self._backends.pop(path))

    def _peripherals(self) -> dict[str, str]:
        """The type of each device that was plugged, or said on the command line."""
        return {
            f"{folder}/{member['name']}": member["type"]
            for folder in (_NAMED, _NAMELESS)
            for member in self.command("qom-list", path=folder)
            if member["type"].startswith("child<")
        }

    def _remember_start(self) -> None:
        self._at_start = set(self._peripherals())

    def _note(self, event: str, data: dict[str, Any]) -> None:
        """Watch for cores that leave."""
        if event == "DEVICE_DELETED" and _THREAD in data.get("path", ""):
            self._core_left = True

    def _added(self) -> dict[str, str]:
        """Path and type of what was plugged since the start and is still there."""
        found = self._peripherals().items()
        return {path: kind for path, kind in found if path not in self._at_start}

    def _take_out(self, added: dict[str, str]) -> bool:
        """Ask for these devices back; whether a machine survives that and a reset."""
        if self._core_left or any(_CORE in kind for kind in added.values()):
            return False
        # Functions before the host bridge that would take them along.
        for path in sorted(added, key=lambda path: _HOST_BRIDGE in added[path]):
            try:
                self.unplug(path)
            except QemuError:
                raise
            except PlatformError:
                return False
        return True

    def _get(self, path: str, name: str) -> Any:
        return self.command("qom-get", path=path, property=name)

    def _root_bus(self, index: int) -> str:
        """The bus of a host bridge, by the connector that it is behind."""
        connector = f"/dr-connector/{drc_index(DrcType.PHB, index):x}"
        try:
            path = self._get(connector, "device")
        except PlatformError:
            path = ""
        if not path:
            raise PlatformError(f"there is no host bridge {index}")
        children = self.command("qom-list", path=path)
        name: str = next(c["name"] for c in children if c["type"] == "child<PCI>")
        return name

    def _slot_index(self, path: str) -> int:
        """The DRC index of a function: host bridge, chassis, place on the bus."""
        place: int = self._get(path, "addr")
        owner = dirname(self._get(path, "parent_bus"))
        if self._get(owner, "type") != _HOST_BRIDGE:
            place |= self._get(owner, "chassis_nr") << _CHASSIS_SHIFT
        while self._get(owner, "type") != _HOST_BRIDGE:
            owner = dirname(self._get(owner, "parent_bus"))
        place |= self._get(owner, "index") << _BRIDGE_SHIFT
        return drc_index(DrcType.PCI, place)
