"""Bugs of Linux and of drmgr: those that can be imitated, and how any is told of.

The bugs themselves, with the releases that have them, are in `mended.py`.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal, NamedTuple

from pydlpar.request import DIALECTS, release_of

__all__ = ["Cause", "Mended", "Quirk"]


class Quirk(Enum):
    """Bugs that change the outcome, and are defined at all.

    Members:
        DRC_INFO_COUNT: before 5.16, "cpu add count" over `ibm,drc-info` stays at
            the first CPU that exists, so that it finds too few.
        DT_DRC_INFO: before 6.17, "dt add" looks for the node that owns a connector
            in `ibm,drc-info` only.
        LOST_CHILDREN: of delivered CPUs and persistent memory the children are not
            attached; of the latter, no sibling either.
        MIGRATED_CHILDREN: of what a migration adds, only the first node is attached.
        OFDT_BOUND: "update_property" on `/proc/powerpc/ofdt` takes a length that
            overshoots the end by that of the phandle and one; there are zeros.
        POSITIVE_STATUS: a positive RTAS status goes to the writer as a byte count.
        RESERVED_WALK: "memory add count" tries RESERVED LMBs. Before 5.14 they
            count as available, too, and can be removed; since, they do not count,
            and one that was added cannot be removed again.
        SIGNED_COUNT: since 5.14, an indexed-count of 2^31 or more is a successful
            no-op.
        STALE_LOG: a hotplug, EPOW or error interrupt without an event acts on the
            last one that came by any of them.
        UPDATE_DESYNC: a node to be added below an unknown phandle leaves its DRC
            index behind, which is taken for the next phandle.
        V2_MERGE: since 4.16, `ibm,dynamic-memory-v2` is written with sets merged
            across gaps, which a reader expands to wrong addresses.

    Those of drmgr:
        DRMGR_BLIND: a PCI slot whose sensor cannot be read is taken to have a card.
        DRMGR_FORGETS: nodes leave the tree before their connector is isolated, and
            do not come back where that is refused; what is behind a bridge is not
            given back, nor what a PHB that fails had acquired.
    """

    # A member is one object. Enum's own is written in Python, and slow.
    __hash__ = object.__hash__

    DRC_INFO_COUNT = "drc-info-count"
    DRMGR_BLIND = "drmgr-blind"
    DRMGR_FORGETS = "drmgr-forgets"
    DT_DRC_INFO = "dt-drc-info"
    LOST_CHILDREN = "lost-children"
    MIGRATED_CHILDREN = "migrated-children"
    OFDT_BOUND = "ofdt-bound"
    POSITIVE_STATUS = "positive-status"
    RESERVED_WALK = "reserved-walk"
    SIGNED_COUNT = "signed-count"
    STALE_LOG = "stale-log"
    UPDATE_DESYNC = "update-desync"
    V2_MERGE = "v2-merge"

    # By identity; by name, as an Enum has it, a look-up in a set is slow.
    __hash__ = object.__hash__


Cause = Literal[
    "crash",
    "defined",
    "hang",
    "harm",
    "leak",
    "lost",
    "no model",
    "out of bounds",
    "unrepresentable",
    "use after free",
]


class Mended(NamedTuple):
    """One bug, and what stands in its place.

    Attributes:
        name: of the bug; the value of its `Quirk` where it has one.
        where: the handler or entry that has it.
        linux: what Linux does, or drmgr.
        model: what is done here, where the bug is not imitated.
        reference: section of the kernel reference, or number of the bug there.
        cause: why it is mended. "defined": its outcome is, it has a switch; "harm":
            it acts on the wrong device; "lost": something allocated or delivered;
            "no model": there is nothing here that it could happen to;
            "unrepresentable": no tree here can be so.
        quirk: its switch; None where it cannot be imitated.
        followed: it is imitated unless switched off.
        since: the release that has it first.
        until: the first release without it; None while there is none.
        of: who has it, "Linux" or "drmgr".
    """

    name: str
    where: str
    linux: str
    model: str
    reference: str
    cause: Cause = "defined"
    quirk: Quirk | None = None
    followed: bool = False
    since: str = "4.1"
    until: str | None = None
    of: Literal["Linux", "drmgr"] = "Linux"

    def applies(self, dialect: str) -> bool:
        """Whether a release has the bug."""
        release = release_of(dialect)
        ended = self.until is not None and release >= release_of(self.until)
        return release >= release_of(self.since) and not ended

    @property
    def dialects(self) -> tuple[str, ...]:
        """The dialects that stand for a release that has it."""
        names = tuple(DIALECTS)
        return tuple(
            name
            for name, after in zip(names, (*names[1:], None), strict=True)
            if (after is None or release_of(self.since) < release_of(after))
            and (self.until is None or release_of(name) < release_of(self.until))
        )
