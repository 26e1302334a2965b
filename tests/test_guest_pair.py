"""A real guest of each kernel does what the model does, request by request."""

from __future__ import annotations

import errno
from collections import Counter

import pytest
from guest_pair import DEVIATION, GuestPair, boot, differing

from pydlpar.platforms.guest import DIALECT_OF

REQUESTS, PLUG_EVERY, SEED = 220, 18, 1

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("line", list(DIALECT_OF))
def test_every_request_and_tree(line):
    """Bytes taken or errno, refusals of plugs, and the whole tree after each change."""
    counted = Counter()
    with boot(line) as guest:
        pair = GuestPair(guest, line, SEED)
        done = []
        for number in range(REQUESTS):
            if number % PLUG_EVERY == 0:
                step, ours, theirs = pair.plug()
                counted["plugs"] += 1
            else:
                step = pair.request()
                ours, theirs = pair.write(step)
                counted["done" if ours > 0 else errno.errorcode.get(-ours, "0")] += 1
            done.append(step)
            said = [message.text for message in guest.dmesg()]
            assert ours == theirs, (SEED, done, said)
            if number % PLUG_EVERY == 0 or ours > 0 or number == REQUESTS - 1:
                counted["trees"] += 1
                assert not differing(pair.trees()), (SEED, done, said)
        assert pair.write(DEVIATION) == (len(DEVIATION), -errno.EINVAL)
        assert not differing(pair.trees())
    assert counted["plugs"] >= 12, counted
    assert counted["done"] >= 40, counted
    assert counted["trees"] >= 50, counted
    assert {"EINVAL", "ENODEV"} <= counted.keys(), counted
