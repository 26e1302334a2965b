"""The part of `MENDED` that is not about requests to the kernel."""

from __future__ import annotations

from collections.abc import Iterator

from pydlpar.operations.quirks import Cause, Mended, Quirk

__all__ = ["of_drmgr", "of_entries"]


def of_entries() -> Iterator[Mended]:
    """Of the other entries of the kernel; none can be imitated."""
    yield Mended(
        "ofdt-parent",
        "ofdt",
        "add_node below a parent that does not exist: releases an error pointer",
        "EINVAL",
        "5.3, B19",
        "crash",
    )
    yield Mended(
        "ofdt-length",
        "ofdt",
        "goes backwards by a length of 2^31 or more",
        "EINVAL",
        "5.2, B19",
        "out of bounds",
    )
    yield Mended(
        "ofdt-duplicate",
        "ofdt",
        "add_property of a name that exists: success, the new one is lost",
        "success, nothing changes",
        "5.3, B19",
        "leak",
    )
    yield Mended(
        "ofdt-name",
        "ofdt",
        "makes nodes and properties of empty, too long or taken names",
        "EINVAL",
        "5.3",
        "unrepresentable",
    )
    yield Mended(
        "ofdt-repeated",
        "ofdt",
        "keeps both of two properties of one name in add_node, finds the later",
        "keeps the later",
        "5.3",
        "unrepresentable",
    )
    yield Mended(
        "ofdt-slb",
        "ofdt",
        "reads an SLB size of less than 4 bytes beyond its end",
        "is not taken for one",
        "5.3",
        "out of bounds",
    )
    yield Mended(
        "ofdt-phandle",
        "ofdt",
        "reads a phandle from new nodes only, not where one is set later",
        "counts",
        "3.14",
        "unrepresentable",
    )
    yield Mended(
        "online-cpu",
        "ofdt, migration",
        "the last node of a CPU with threads online is detached: BUG",
        "EBUSY, or the node stays",
        "4.8",
        "crash",
    )
    yield Mended(
        "alias-loop",
        "ofdt, cpu release",
        "follows an alias of an alias, for ever if it leads back",
        "it is none",
        "5.3",
        "hang",
    )
    yield Mended(
        "damaged-table",
        "ofdt, migration",
        "reads a malformed table of LMBs past its end",
        "it changes nothing",
        "4.4.5",
        "out of bounds",
    )
    yield Mended(
        "update-area",
        "migration",
        "reads beyond a work area that is cut short",
        "ends there",
        "4.10",
        "out of bounds",
    )
    yield Mended(
        "node-references",
        "ofdt",
        "never drops the reference to a node that a phandle found",
        "there are no references",
        "5.3, B19",
        "leak",
    )
    yield Mended(
        "epow-sensor",
        "epow interrupt",
        "where the sensor cannot be read, takes what stood on the stack",
        "takes the state that came with the status",
        "6.2",
        "out of bounds",
    )
    yield Mended(
        "slot-lock",
        "slot control",
        "a wait for the lock that is interrupted ends with ERESTARTSYS",
        "`BusyError` while another request is carried out",
        "4.7",
        "no model",
    )


def of_drmgr() -> Iterator[Mended]:
    """Of user space."""
    where, section = "pci, phb", "user space"
    for name, drmgr, model, quirk in (
        (
            "drmgr-blind",
            "takes a slot whose sensor cannot be read to have a card",
            "it has none",
            Quirk.DRMGR_BLIND,
        ),
        (
            "drmgr-forgets",
            "takes nodes out first, and leaves them out where isolation is refused",
            "they leave once isolated; what hangs behind is given back first",
            Quirk.DRMGR_FORGETS,
        ),
        (
            "drmgr-usable",
            "makes a PHB usable again that cannot be unisolated",
            "makes it unusable",
            None,
        ),
        (
            "drmgr-goes-on",
            "goes on a minute after drivers refused to let a device go",
            "the removal ends, before anything is done",
            None,
        ),
        (
            "drmgr-any-phb",
            "takes any connector for a PHB, an LMB too",
            "only one of type PHB in the root",
            None,
        ),
        (
            "drmgr-same-name",
            "takes a device of the same name for the one delivered",
            "EEXIST, but for what came with its PHB",
            None,
        ),
        (
            "drmgr-last-child",
            "loses all but the last child of a node that is delivered",
            "attaches all",
            None,
        ),
        (
            "drmgr-asks-again",
            "asks each second while the kernel answers EBUSY",
            "EBUSY is final",
            None,
        ),
    ):
        cause: Cause = "defined" if quirk else "harm"
        yield Mended(name, where, drmgr, model, section, cause, quirk=quirk, of="drmgr")
