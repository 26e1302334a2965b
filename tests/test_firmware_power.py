"""Power levels: QEMU has none, LoPAR switches domains of isolated connectors."""

from __future__ import annotations

import pytest

from pydlpar import DeviceTree, Firmware
from pydlpar.constants import DrcState
from pydlpar.data import default_tree_bytes

LIVE = 0xFFFFFFFF
PHB0 = "/pci@800000020000000"


def machine(profile, domains=None):
    """A machine whose slots are in these domains, or live insertion ones."""
    tree = DeviceTree.from_dtb(default_tree_bytes())
    if domains is not None:
        values = (256).to_bytes(4, "big")
        values += b"".join(
            domains[n % len(domains)].to_bytes(4, "big") for n in range(256)
        )
        tree[PHB0]["ibm,drc-power-domains"] = values
    return Firmware.from_tree(tree, profile)


@pytest.mark.parametrize("domain", [LIVE, -1])
def test_qemu_ignores_the_level(domain):
    """Live insertion is fully powered, whatever is asked for."""
    firmware = machine("qemu")
    assert firmware.set_power_level(domain, 0) == (0, 100)
    assert firmware.set_power_level(domain, 500) == (0, 100)
    assert firmware.get_power_level(domain) == (0, 100)


@pytest.mark.parametrize("profile", ["qemu", "lopar"])
def test_domain_that_is_not_there(profile):
    firmware = machine(profile)
    assert firmware.set_power_level(3, 100) == (-3, 0)
    assert firmware.get_power_level(3) == (-3, 0)


def test_lopar_leaves_live_insertion_on():
    """Software is told never to ask; drmgr asks, and goes on only if that works."""
    firmware = machine("lopar")
    for level in (0, 100):
        assert firmware.set_power_level(LIVE, level) == (0, 100)
    assert firmware.get_power_level(LIVE) == (0, 100)


def slots_of(firmware, domain):
    found = firmware.connectors.values()
    return [c for c in found if c.power_domain == domain and c.drc_type == "28"]


def test_lopar_switches_a_domain():
    """All its isolated connectors lose their power, no other; and get it back."""
    firmware = machine("lopar", [7, 9])
    firmware.plug_pci("e1000", 3)
    others = [slot.state for slot in slots_of(firmware, 9)]
    assert len(others) == 128
    assert firmware.set_power_level(7, 0) == (0, 0)
    assert {s.state for s in slots_of(firmware, 7)} == {DrcState.PHYSICAL_AVAILABLE}
    assert [slot.state for slot in slots_of(firmware, 9)] == others
    assert firmware.get_power_level(7) == (0, 0)
    assert firmware.get_power_level(9) == (0, 100)
    assert firmware.set_power_level(7, 1) == (0, 100)
    assert {s.state for s in slots_of(firmware, 7)} == {DrcState.PHYSICAL_POWERON}


def test_lopar_slot_without_power():
    """It is sensed, but not unisolated before the power is back."""
    firmware = machine("lopar", [7])
    firmware.plug_pci("e1000", 3)
    slot = 0x40000018
    assert firmware.set_power_level(7, 0) == (0, 0)
    assert firmware.get_sensor_state(9003, slot) == (0, 1)
    assert firmware.set_indicator(9001, slot, 1) == -3
    assert firmware.set_power_level(7, 100) == (0, 100)
    assert firmware.set_indicator(9001, slot, 1) == 0


def test_lopar_does_not_switch_off_what_is_in_use():
    """A connector of the domain is not isolated: -1, and nothing is switched."""
    firmware = machine("lopar", [7])
    firmware.plug_pci("e1000", 3)
    assert firmware.set_indicator(9001, 0x40000018, 1) == 0
    assert firmware.set_power_level(7, 0) == (-1, 100)
    assert firmware.get_power_level(7) == (0, 100)


@pytest.mark.parametrize("level", [-1, 101])
def test_lopar_level_that_is_none(level):
    assert machine("lopar", [7]).set_power_level(7, level) == (-3, 0)


def test_partition_agrees():
    """What the operating system does about a device always succeeds in the model."""
    firmware = machine("qemu")
    assert firmware.online_device(0x40000018) == 0
    assert firmware.offline_device(0x40000018) == 0
