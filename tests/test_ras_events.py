"""EPOW and error interrupts and event-scan: calls, reactions, what is logged."""

from __future__ import annotations

import errno

import pytest
from script import Script, event, make_tree

from pydlpar.dispatch import Dispatcher
from pydlpar.entries.ras import scan_delay, scan_rate
from pydlpar.epow import Reaction
from pydlpar.operations.behaviour import Quirk
from pydlpar.partition import Partition
from pydlpar.platforms.firmware import Firmware
from pydlpar.request import HotplugRequest
from pydlpar.rtas import decode_log, epow_event, hotplug_event
from pydlpar.tree import DeviceTree

EPOW, ERROR = 0x40000000, 0x80000000
SHUTDOWN, RESET = epow_event(3, 1), epow_event(0)
PCI = hotplug_event(HotplugRequest.index(5, 1, 0x40000008))
NO_SECTION = bytes.fromhex(
    "06 34 00 40 00 00 00 14 86008e00 00000000 00000000 49424d00"
)


class ScanScript(Script):
    def event_scan(self, mask, length):
        made = ("event_scan", mask, length)
        expected, answer = self.steps.pop(0)
        assert made == expected
        return answer


def sensor(state, status=0):
    return (("get_sensor_state", 9, 0), (status, state))


def checked(mask, log, status=0):
    return (("check_exception", mask, 2048), (status, log))


def scanned(log, status=0):
    return (("event_scan", 0xFFFFFFFF, 2048), (status, log))


def start(*steps, tree=None, **options):
    script = ScanScript(*steps)
    return Dispatcher(Partition(tree or make_tree()), script, **options), script


def logged(target):
    return [record.event.raw for record in decode_log(target.error_log.drain())]


@pytest.mark.parametrize(
    ("log", "reaction"),
    [
        (SHUTDOWN, Reaction.ORDERLY_POWEROFF),
        (epow_event(3, 2), Reaction.MESSAGE),
        (epow_event(3, 9), Reaction.COMPLAINT),
        (epow_event(7), Reaction.EMERGENCY_POWEROFF),
    ],
)
def test_epow_interrupt(log, reaction):
    """6.2: sensor, check-exception, log, decide; one event an interrupt."""
    target, script = start(sensor(3), checked(EPOW, log))
    outcome = target.epow_interrupt()
    script.finish()
    assert (outcome.reaction, outcome.outstanding) == (reaction, 1)
    assert outcome.event.raw == log
    assert not outcome.critical
    assert logged(target) == [log]


def test_counter():
    """6.2: warnings count up, resets count down, never below zero."""
    events = [SHUTDOWN, SHUTDOWN, RESET, RESET, RESET]
    target, _ = start([[sensor(0), checked(EPOW, log)] for log in events])
    outcomes = [target.epow_interrupt() for _ in events]
    assert [outcome.outstanding for outcome in outcomes] == [1, 2, 1, 0, 0]
    assert outcomes[-1].reaction is Reaction.NONE
    assert target.ras.outstanding == 0


@pytest.mark.parametrize(("state", "critical"), [(3, False), (4, True), (7, True)])
def test_critical_argument(state, critical):
    """6.1: the sensor above 3; that it cannot be read does not matter."""
    target, _ = start(sensor(state, -3), checked(EPOW, SHUTDOWN))
    assert target.epow_interrupt().critical == critical


@pytest.mark.parametrize("log", [PCI, NO_SECTION, SHUTDOWN[:90], b"", b"\6"])
def test_event_without_epow_section_is_only_logged(log):
    """6.2; a hotplug event of a guest that negotiated none comes this way."""
    target, _ = start(sensor(0), checked(EPOW, log))
    outcome = target.epow_interrupt()
    assert (outcome.reaction, outcome.outstanding) == (Reaction.NONE, 0)
    assert target.error_log.read()[4:].startswith(log)


@pytest.mark.parametrize("status", [1, -1, -3])
def test_no_event(status):
    """B2: the status counts; Linux acts on the last event again."""
    steps = [sensor(0), checked(EPOW, SHUTDOWN), sensor(0), checked(EPOW, b"", status)]
    for quirks, count in (([], 1), ([Quirk.STALE_LOG], 2)):
        target, script = start(steps, quirks=quirks)
        target.epow_interrupt()
        target.epow_interrupt()
        script.finish()
        assert target.ras.outstanding == len(logged(target)) == count


def test_stale_log_without_an_event_before():
    target, _ = start(sensor(0), checked(EPOW, b"", 1), quirks=[Quirk.STALE_LOG])
    assert target.epow_interrupt().reaction is Reaction.NONE
    assert len(target.error_log) == 0


def severe(severity):
    return bytes([6, severity << 5 | 0x14]) + SHUTDOWN[2:]


@pytest.mark.parametrize("severity", range(7))
def test_error_interrupt(severity):
    """6.3: fatal from severity 3 on; a fatal one ends logging."""
    log = severe(severity)
    target, script = start(checked(ERROR, log))
    outcome = target.error_interrupt()
    script.finish()
    fatal = severity >= 3
    assert outcome.reaction is (
        Reaction.EMERGENCY_POWEROFF if fatal else Reaction.MESSAGE
    )
    assert outcome.event == log
    assert target.error_log.enabled != fatal
    assert len(target.error_log) == (not fatal)


@pytest.mark.parametrize("status", [1, -1])
def test_error_interrupt_without_event(status):
    """6.3: recoverable, whatever the stale event says; Linux logs that one."""
    fatal = severe(5)
    for quirks, events in (([], 0), ([Quirk.STALE_LOG], 1)):
        steps = [sensor(0), checked(EPOW, fatal), checked(ERROR, b"", status)]
        target, _ = start(steps, quirks=quirks)
        target.epow_interrupt()
        outcome = target.error_interrupt()
        assert (outcome.reaction, outcome.status) == (Reaction.MESSAGE, status)
        assert outcome.event == fatal * events
        assert logged(target) == [fatal] * (1 + events)


def scan_tree(**properties):
    tree = make_tree()
    tree.add_node("/rtas", {"event-scan": b"\0\0\x20\x0f", **properties})
    return tree


RATE = {"rtas-event-scan-rate": b"\0\0\0\4"}
PRRN = b"\6\x34\0\xa0" + SHUTDOWN[4:]


@pytest.mark.parametrize("status", [1, -1, -3])
def test_event_scan(status):
    """6.4: until the status is not 0; reassignments are not logged."""
    steps = [scanned(SHUTDOWN), scanned(PRRN), scanned(PCI), scanned(b"", status)]
    target, script = start(steps, tree=scan_tree(**RATE))
    scan = target.event_scan()
    script.finish()
    assert (scan.errno, scan.status, scan.ignored) == (0, status, 1)
    assert list(scan.events) == logged(target) == [SHUTDOWN, PCI]
    assert target.ras.outstanding == 0


@pytest.mark.parametrize(
    "tree", [make_tree(), scan_tree(), scan_tree(**{"rtas-event-scan-rate": bytes(4)})]
)
def test_machine_that_is_not_scanned(tree):
    """6.4: no token or no rate is ENODEV; a rate of 0 is no scanning."""
    target, _ = start(tree=tree)
    scan = target.event_scan()
    assert scan.errno == (0 if scan_rate(tree) == 0 else errno.ENODEV)
    assert scan.events == ()


def test_delay_of_the_scan():
    """6.4: 30 s divided by the rate."""
    assert scan_delay(4) == 7.5


def test_hotplug_event_for_user_space_is_logged():
    """1.4: what the kernel does not take goes to the error log, nothing else."""
    target, _ = start(event(PCI), event(b"", 1))
    target.interrupt()
    assert logged(target) == [PCI]


def test_log_size_is_what_firmware_states():
    tree = scan_tree(**{"rtas-error-log-max": b"\0\0\4\0"})
    assert len(start(tree=tree)[0].error_log.drain()) == 0
    assert start(tree=tree)[0].error_log.record_length == 1028


@pytest.mark.parametrize(("profile", "sensor"), [("qemu", (-3, 0)), ("lopar", (0, 3))])
def test_model_of_the_firmware(small_tree, profile, sensor):
    """A powerdown from the machine's side, and the interrupt that it raises."""
    tree = DeviceTree.from_dtb(small_tree)
    firmware = Firmware.from_tree(tree, profile)
    target = Dispatcher(Partition(tree), firmware)
    firmware.system_powerdown()
    outcome = target.epow_interrupt()
    assert outcome.reaction is Reaction.ORDERLY_POWEROFF
    assert outcome.sensor == sensor
    assert target.read_error_log(2052)[4:].startswith(outcome.event.raw)
    firmware.system_powerdown()
    assert len(target.event_scan().events) == (profile == "lopar")
