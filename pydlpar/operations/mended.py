"""What is otherwise here than in Linux or drmgr, as data.

Every bug that is known, what it does there and what is done here. One that has a
switch is imitated where its `Quirk` is on; some are by default. The others cannot
be: there is no outcome to imitate where a kernel crashes.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydlpar.operations.mended_entries import of_drmgr, of_entries
from pydlpar.operations.quirks import Mended, Quirk

__all__ = ["MENDED"]


def _switched() -> Iterator[Mended]:
    """Bugs that are defined."""
    yield Mended(
        "drc-info-count",
        "cpu add count",
        "with `ibm,drc-info`, stays at the first CPU that exists: finds too few",
        "goes on to the next one",
        "4.3",
        quirk=Quirk.DRC_INFO_COUNT,
        followed=True,
        since="4.5",
        until="5.16",
    )
    yield Mended(
        "dt-drc-info",
        "dt add",
        "looks for the owner of a connector in `ibm,drc-info` only: EIO",
        "looks in `ibm,drc-indexes`, too, as 6.17",
        "4.6",
        quirk=Quirk.DT_DRC_INFO,
        followed=True,
        since="6.12",
        until="6.17",
    )
    yield Mended(
        "lost-children",
        "cpu add, pmem add",
        "attaches no children of what is delivered; of pmem, no siblings either",
        "attaches all",
        "4.8, B21",
        quirk=Quirk.LOST_CHILDREN,
    )
    yield Mended(
        "migrated-children",
        "migration",
        "attaches only the first node of what is delivered",
        "attaches all",
        "4.10, B21",
        quirk=Quirk.MIGRATED_CHILDREN,
    )
    yield Mended(
        "ofdt-bound",
        "ofdt",
        "update_property takes a length that overshoots by the phandle's and one",
        "the end is the end: EINVAL. Imitated, zeros stand behind it",
        "5.3, B19",
        quirk=Quirk.OFDT_BOUND,
    )
    yield Mended(
        "positive-status",
        "write",
        "returns a positive RTAS status as a count of bytes",
        "EIO; the status is in `Outcome.leaked`",
        "2.4",
        quirk=Quirk.POSITIVE_STATUS,
    )
    yield Mended(
        "reserved-walk",
        "memory add count",
        "tries RESERVED LMBs, though since 5.14 it neither counts nor removes them",
        "RESERVED LMBs are left alone",
        "4.4.3, B11",
        quirk=Quirk.RESERVED_WALK,
        followed=True,
    )
    yield Mended(
        "signed-count",
        "memory indexed-count",
        "2^31 LMBs or more are a successful no-op; before 5.14, EINVAL",
        "EINVAL",
        "4.4.4, B12",
        quirk=Quirk.SIGNED_COUNT,
        since="5.14",
    )
    yield Mended(
        "stale-log",
        "interrupts",
        "ignores the status of check-exception: acts on the event before once more",
        "no event, no action",
        "1.4, 6.2, 6.3, B2",
        quirk=Quirk.STALE_LOG,
    )
    yield Mended(
        "update-desync",
        "migration",
        "below an unknown phandle, takes the DRC index for the next phandle",
        "passes over both words",
        "4.10, B20",
        quirk=Quirk.UPDATE_DESYNC,
    )
    yield Mended(
        "v2-merge",
        "memory",
        "merges sets of `ibm,dynamic-memory-v2` across gaps",
        "splits at each gap",
        "4.4.5, B14",
        quirk=Quirk.V2_MERGE,
        since="4.16",
    )


def _of_requests() -> Iterator[Mended]:
    """Of requests, their handlers and events; none can be imitated."""
    yield Mended(
        "short-text",
        "write",
        "the parser of prefixes steps over the end of a short text",
        "EINVAL",
        "2.6, B22",
        "out of bounds",
        until="4.10",
    )
    yield Mended(
        "unset-fields",
        "write",
        "fields of the request that the text does not set hold what was there",
        "are None, or 0 in bytes",
        "1.2, B6",
        "out of bounds",
    )
    yield Mended(
        "lock-leak",
        "memory",
        "without the drmem node or property keeps the hotplug lock for ever",
        "EINVAL, and the next request is carried out",
        "2.6, 4.4.6, B22",
        "hang",
        until="4.10",
    )
    yield Mended(
        "range-end",
        "memory indexed-count",
        "a range may leave the table",
        "EINVAL",
        "4.4.6",
        "out of bounds",
        since="4.10",
        until="4.16",
    )
    yield Mended(
        "range-result",
        "memory indexed-count",
        "a range with nothing to do returns what stood on the stack",
        "success",
        "4.4.6",
        "out of bounds",
        since="4.10",
        until="4.16",
    )
    yield Mended(
        "reserved-word",
        "memory",
        "takes a record's reserved word for its own mark",
        "does not read it, writes it as 0",
        "4.4.6",
        "harm",
        until="4.16",
    )
    yield Mended(
        "empty-table",
        "memory",
        "goes through a table without LMBs",
        "EINVAL; nothing to write with version 2 either",
        "4.4.5, 4.4.6",
        "crash",
        since="4.16",
        until="5.7",
    )
    yield Mended(
        "short-associativity",
        "memory add",
        "reads behind an `ibm,associativity` or lookup array that is too short",
        "EINVAL",
        "4.4.1",
        "out of bounds",
        since="4.10",
    )
    yield Mended(
        "v2-walk",
        "memory",
        "a walk over version 2 that is to stop ends its set only",
        "there is no such walk",
        "B15",
        "no model",
        since="4.16",
    )
    yield Mended(
        "cpu-ids",
        "cpu add",
        "without free logical ids: ENOSPC, nodes attached, and freed",
        "ENOSPC, nodes detached",
        "4.3, B8",
        "use after free",
        since="4.5",
    )
    yield Mended(
        "cpu-present",
        "cpu add",
        "a thread number that is present: takes the other CPU offline",
        "EEXIST; detached, connector released",
        "4.3",
        "harm",
        since="4.5",
    )
    yield Mended(
        "cpu-stuck",
        "cpu add",
        "a thread that neither lets its core come online nor goes offline: BUG",
        "the CPU stays, with that thread",
        "4.3",
        "crash",
        since="4.5",
    )
    yield Mended(
        "cpu-unreadable",
        "cpu remove count",
        "takes an unreadable `ibm,my-drc-index` for 0",
        "EINVAL before anything is done",
        "4.3",
        "harm",
        since="4.5",
        until="5.16",
    )
    yield Mended(
        "cpu-detach",
        "cpu",
        "rolls back where nodes cannot be detached",
        "they always can",
        "4.3",
        "no model",
        since="4.5",
    )
    yield Mended(
        "same-name",
        "cpu add, pmem add, dt add",
        "two nodes of one name below one parent",
        "EEXIST; the connector is released, but by dt",
        "4.8",
        "unrepresentable",
    )
    yield Mended(
        "pmem-free",
        "pmem",
        "frees nodes that it attached, or attaches nodes that it freed",
        "a removal that is refused has detached nothing",
        "4.5, B17",
        "use after free",
        since="5.4",
    )
    yield Mended(
        "connector-walk",
        "configure-connector",
        "takes statuses out of order and offsets beyond the work area",
        "a failure, as any other of configure-connector",
        "4.2, B7",
        "out of bounds",
    )
    yield Mended(
        "no-section",
        "hotplug interrupt",
        "an event without a hotplug section: null pointer",
        "counted and dropped",
        "1.4, B1",
        "crash",
        since="4.9",
    )
    yield Mended(
        "damaged-event",
        "interrupts",
        "loops over a section of length 0, reads behind the log",
        "counted and dropped; of EPOW and errors, what can be read",
        "3.4, B3",
        "out of bounds",
    )
    yield Mended(
        "lost-event",
        "hotplug interrupt",
        "drops an event where memory is short",
        "there is no queue",
        "1.4, B4",
        "no model",
        since="4.9",
    )
    yield Mended(
        "short-name",
        "hotplug interrupt",
        "cuts a DRC name to 8 bytes",
        "keeps it; nobody acts on names",
        "1.4, B5",
        "no model",
        since="4.9",
    )


MENDED: tuple[Mended, ...] = (
    *_switched(),
    *_of_requests(),
    *of_entries(),
    *of_drmgr(),
)
"""Everything that is known to be otherwise: first what can be imitated."""
