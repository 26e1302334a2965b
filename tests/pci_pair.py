"""A QEMU and a model that are asked the same, about PCI devices and NVDIMMs."""

from __future__ import annotations

import time

from pydlpar import Firmware, PlatformError
from pydlpar.connector import new_work_area
from pydlpar.platforms.pci_models import PCI_MODELS, without_rom

ANY = 0xFFFFFFFF
KEPT = ("DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR", "MEM_UNPLUG_ERROR")
# What a driver needs besides, or would take from the host's file system.
BLOCK = ("virtio-blk", "nvme")
FIRST_EVENT_BYTE = 0x68
PATIENCE = 30.0  # seconds


class PciPair:
    """Each method does the same to both, and gives both answers."""

    def __init__(self, qemu, profile="qemu"):
        self.qemu = qemu
        tree = qemu.device_tree()
        self.model = Firmware.from_tree(tree, profile, lmb_address_bug=True)
        self.backends = 0

    def _both(self, ask_qemu, ask_model):
        answers = []
        for ask in (ask_qemu, ask_model):
            try:
                ask()
                answers.append(None)
            except PlatformError as error:
                answers.append(str(error))
        return answers

    def pci(self, driver, slot=None, function=0, id=None, bus="pci.0", **more):
        """Plug a PCI function into both, without a boot ROM."""
        rules = {"driver": driver, "bus": bus}
        if slot is not None:
            rules["addr"] = f"{slot:x}.{function:x}"
        if id is not None:
            rules["id"] = id
        if more.get("multifunction"):
            rules["multifunction"] = True
        if "chassis" in more:
            rules["chassis_nr"] = more["chassis"]
        model = PCI_MODELS.get(driver, driver)
        if not isinstance(model, str):
            if any(bar.number == 6 for bar in model.bars):
                rules["romfile"] = ""
            model = without_rom(model)
        rules |= self._backend(driver)
        return self._both(
            lambda: self.qemu.command("device_add", **rules),
            lambda: self.model.plug_pci(model, slot, function, id, bus=bus, **more),
        )

    def _backend(self, driver):
        self.backends += 1
        name = f"x{self.backends}"
        if driver.startswith(BLOCK):
            node = {"driver": "null-co", "node-name": name, "size": 1 << 20}
            self.qemu.command("blockdev-add", **node)
            return {"drive": name} | ({"serial": "s"} if driver == "nvme" else {})
        if driver == "virtio-crypto-pci":
            kind = {"qom-type": "cryptodev-backend-builtin", "id": name}
            self.qemu.command("object-add", **kind)
            return {"cryptodev": name}
        return {}

    def phb(self, index=None, id=None, numa_node=None):
        rules = {"driver": "spapr-pci-host-bridge"}
        given = {"index": index, "id": id, "numa_node": numa_node}
        rules |= {key: value for key, value in given.items() if value is not None}
        return self._both(
            lambda: self.qemu.command("device_add", **rules),
            lambda: self.model.plug_phb(index, id, numa_node),
        )

    def nvdimm(self, size, uuid=None, label_size=128 << 10, id=None, node=0):
        self.backends += 1
        backend = f"x{self.backends}"
        kind = {"qom-type": "memory-backend-ram", "id": backend}
        self.qemu.command("object-add", size=size + label_size, **kind)
        rules = {"driver": "nvdimm", "memdev": backend, "label-size": label_size}
        given = {"uuid": uuid, "id": id, "node": node}
        rules |= {key: value for key, value in given.items() if value is not None}
        return self._both(
            lambda: self.qemu.command("device_add", **rules),
            lambda: self.model.plug_nvdimm(size, uuid, label_size, id, node),
        )

    def unplug(self, target):
        return self._both(
            lambda: self.qemu.command("device_del", id=target),
            lambda: self.model.unplug(target),
        )

    def indicator(self, *call):
        return [side.set_indicator(*call) for side in (self.qemu, self.model)]

    def sense(self, index):
        return [side.get_sensor_state(9003, index) for side in (self.qemu, self.model)]

    def walk(self, index):
        """Every call of configure-connector: statuses and work areas of both."""
        answers = []
        for side in (self.qemu, self.model):
            area, seen = new_work_area(index), []
            while not seen or seen[-1][0] > 0:
                seen.append((side.connector_call(index, area), bytes(area)))
            answers.append(seen)
        return answers

    def events(self):
        """What all pending RTAS events say, of both."""
        answers = []
        for side in (self.qemu, self.model):
            found = []
            while not (answer := side.check_exception(ANY))[0]:
                found.append(answer[1][FIRST_EVENT_BYTE:].hex())
            answers.append(found)
        return answers

    def management_events(self, settle=False):
        """Events for the management since the last time, of both.

        QEMU tells that a device is gone when the last reference to it is, which
        may be a little later: *settle* waits for as many events as the model has.
        """
        end = time.monotonic() + PATIENCE
        while True:
            kept = [e for e in self.qemu.qmp_events if e["event"] in KEPT]
            enough = len(kept) >= len(self.model.qmp_events)
            if not settle or enough or time.monotonic() > end:
                break
            time.sleep(0.05)
        answers = kept, list(self.model.qmp_events)
        self.qemu.qmp_events.clear()
        self.model.qmp_events.clear()
        return answers
