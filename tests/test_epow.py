"""Power warnings: every action and modifier, and the numbers of rtas_errd."""

from __future__ import annotations

import pytest

from pydlpar.epow import EpowStatus, Reaction, epow_reaction, epow_status
from pydlpar.request import HotplugRequest
from pydlpar.rtas import decode_event, epow_event, hotplug_event

MESSAGE, COMPLAINT = Reaction.MESSAGE, Reaction.COMPLAINT
ORDERLY, EMERGENCY = Reaction.ORDERLY_POWEROFF, Reaction.EMERGENCY_POWEROFF

REACTIONS = {1: MESSAGE, 2: MESSAGE, 4: ORDERLY, 5: EMERGENCY, 7: EMERGENCY}
SHUTDOWNS = {1: ORDERLY, 2: MESSAGE, 3: ORDERLY, 4: ORDERLY}


@pytest.mark.parametrize("action", range(16))
@pytest.mark.parametrize("modifier", range(16))
def test_reaction(action, modifier):
    """6.2: the whole table; all but a reset count, unknown ones too."""
    reaction, outstanding = epow_reaction(action, modifier, 2)
    if action == 0:
        assert (reaction, outstanding) == (MESSAGE, 1)
    elif action == 3:
        assert (reaction, outstanding) == (SHUTDOWNS.get(modifier, COMPLAINT), 3)
    else:
        assert (reaction, outstanding) == (REACTIONS.get(action, COMPLAINT), 3)


def test_reset_without_a_warning_is_silent():
    """6.2: nothing to take back."""
    assert epow_reaction(0, 0, 0) == (Reaction.NONE, 0)


def test_low_nibbles_count():
    assert epow_reaction(0x13, 0xF1, 0) == (ORDERLY, 1)


@pytest.mark.parametrize(
    ("action", "modifier", "number"),
    [
        (0, 0, 0),
        (1, 0, 8),
        (2, 0, 9),
        (3, 1, 10),
        (3, 2, 7),
        (3, 3, 11),
        (3, 4, 4),
        (3, 0, 7),
        (3, 9, 7),
        (4, 0, 4),
        (5, 0, 1),
        (7, 0, 1),
        (6, 0, None),
        (8, 1, None),
    ],
)
def test_status_of_version_6(action, modifier, number):
    """userspace.md 5."""
    assert epow_status(decode_event(epow_event(action, modifier))) == number


def old_event(action, flags4=0, flags5=0):
    """A log before version 6: 12 bytes of header, then the EPOW section."""
    body = bytearray(40)
    body[0], body[2] = 0x80, 0x85  # valid; PowerPC format, EPOW
    body[12:16] = action.to_bytes(4, "big")
    body[16], body[17] = flags4, flags5
    return decode_event(bytes.fromhex("05 34 00 40 00 00 00 28") + body)


@pytest.mark.parametrize(
    ("action", "flags4", "flags5", "number"),
    [
        (3, 0x20, 0, 6),
        (3, 0x60, 0, 6),
        (3, 0x40, 0, 7),
        (3, 0, 0, 7),
        (4, 0x20, 0, 5),
        (4, 0x10, 0, 4),
        (5, 0, 0x40, 1),
        (5, 0, 0x20, 2),
        (7, 0, 0x10, 3),
        (7, 0, 0, 1),
        (0, 0, 0, 0),
        (1, 0, 0, 8),
        (2, 0, 0, 9),
    ],
)
def test_status_before_version_6(action, flags4, flags5, number):
    """userspace.md 5: flags say what failed."""
    assert epow_status(old_event(action, flags4, flags5)) == EpowStatus(number)


def test_status_of_another_event():
    assert (
        epow_status(decode_event(hotplug_event(HotplugRequest.index(1, 1, 1)))) is None
    )
