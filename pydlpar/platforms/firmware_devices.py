"""The firmware's side of a connector, and the devices that stand behind it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from pydlpar.constants import DrcState, DrcType
from pydlpar.drc import drc_type
from pydlpar.drc_states import DrcKind, situation, state_table, waits_for_children

if TYPE_CHECKING:
    from pydlpar.connector import ConnectorResult, Server
    from pydlpar.platforms.fragments import CpuTemplate

__all__ = ["LIVE_INSERTION", "Connector", "Device", "DeviceKind"]

LIVE_INSERTION: Final = 0xFFFFFFFF
"""Power domain of connectors whose power is not to be switched."""

_UNPLUG: Final = situation(0, False, True)
_DEVICE: Final = situation(0, True, False)
_STATE_SHIFT: Final = situation(1).bit_length() - 1
_STATES: Final = {int(state): state for state in DrcState}


class Connector:
    """A DRC as the firmware knows it.

    Attributes:
        index, name, drc_type: as in the tree's DRC list.
        kind: which state table holds.
        situation: state, device and pending unplug, as `drc_states.situation`.
        device: what is attached, or None.
        visual: state of the visual indicator (physical connectors).
        server: delivers the fragment; None before the first call.
        at_start: the next call of configure-connector begins with the first node.
        walked: what a whole walk gave; the fragment being the same, so is the next.
        children: connectors of the slots behind this one.
        parent: the connector that has to be in use for this one to be the guest's;
            None where there is none, or where nobody asks.
        power_domain: number of its power domain, or `LIVE_INSERTION`.
        indicators, configure, sense: rows of the state table, for the hot path.
    """

    __slots__ = (
        "at_start",
        "children",
        "configure",
        "device",
        "drc_type",
        "index",
        "indicators",
        "kind",
        "name",
        "parent",
        "power_domain",
        "sense",
        "server",
        "situation",
        "table",
        "visual",
        "walked",
    )

    def __init__(
        self, index: int, name: str, type_name: str, kind: DrcKind, profile: str
    ) -> None:
        self.index = index
        self.name = name
        self.drc_type = type_name
        self.kind = kind
        self.table = state_table(profile, kind)
        self.indicators = self.table.indicators
        self.configure = self.table.configure
        self.sense = self.table.sense
        self.situation = situation(self.table.empty)
        self.device: Device | None = None
        self.visual = 0
        self.server: Server | None = None
        self.at_start = True
        self.walked: ConnectorResult | None = None
        self.children: list[Connector] = []
        self.parent: Connector | None = None
        self.power_domain = LIVE_INSERTION

    def __repr__(self) -> str:
        return f"<Connector {self.index:#010x} {self.name!r} {self.state.name}>"

    @property
    def is_cpu(self) -> bool:
        """A core's connector; the index decides where the tree gives no type."""
        if self.drc_type:
            return self.drc_type == "CPU"
        return drc_type(self.index) == DrcType.CPU

    @property
    def state(self) -> DrcState:
        """The state, without what stands behind it."""
        return _STATES[self.situation >> _STATE_SHIFT]

    @property
    def unplug_requested(self) -> bool:
        """The platform wants the device back and waits for the guest."""
        return bool(self.situation & _UNPLUG)

    @property
    def is_empty_state(self) -> bool:
        """The guest has not taken the connector."""
        return self.situation >> _STATE_SHIFT == self.table.empty

    @property
    def is_in_use(self) -> bool:
        """The guest has configured what is behind the connector."""
        return self.situation >> _STATE_SHIFT == self.table.ready

    def guard_children(self, profile: str) -> None:
        """Follow LoPAR where connectors are behind this one.

        It is not isolated before they are, and they are the guest's only while it
        is in use.
        """
        for child in self.children:
            child.parent = self
        if self.kind is DrcKind.PHYSICAL:
            self.indicators = waits_for_children(profile, self.kind).indicators

    def move_to(self, state: DrcState) -> None:
        """Take another state; device and pending unplug stay."""
        self.situation += (state - (self.situation >> _STATE_SHIFT)) << _STATE_SHIFT

    def attach(self, device: Device) -> None:
        """Put a device behind the connector; the state stays."""
        self.device = device
        self.situation |= _DEVICE

    def detach(self) -> None:
        """Take the device away; the state stays."""
        self.device = None
        self.forget_fragment()
        self.situation &= ~(_DEVICE | _UNPLUG)

    def forget_fragment(self) -> None:
        """Have configure-connector build anew what it delivers."""
        self.server = self.walked = None
        self.at_start = True

    def request_unplug(self) -> None:
        """Note that the platform wants the device back."""
        self.situation |= _UNPLUG

    def cancel_unplug(self) -> None:
        """Forget that the platform wants the device back."""
        self.situation &= ~_UNPLUG

    def reset(self) -> None:
        """Take the state that a machine starts in."""
        present = self.device is not None
        state = self.table.ready if present else self.table.empty
        self.situation = situation(state, present)
        self.visual = int(present)
        self.rewind()

    def rewind(self) -> None:
        """Let configure-connector begin with the first node."""
        if not self.at_start and self.server is not None:
            self.server.reset()
        self.at_start = True


class DeviceKind(Enum):
    """What can stand behind connectors."""

    CORE = "core"
    DIMM = "pc-dimm"
    NVDIMM = "nvdimm"
    PHB = "spapr-pci-host-bridge"
    PCI = "PCI function"
    IO = "I/O device"


class Device:
    """A core, a DIMM, an NVDIMM, or an I/O device.

    Attributes:
        kind: which of them.
        id: the name it was plugged with, or None.
        path: where QEMU would keep it among its objects.
        connectors: its connectors, in order of their address.
        core_id: id of a core's first thread.
        node: its NUMA node; None where the tree does not say.
        template: what a core of the boot tree looked like.
        address, size: of a DIMM or NVDIMM, in bytes.
        slot: of a DIMM or NVDIMM.
        remaining: LMBs that a pending unplug waits for; None without one.
        fragment: what an I/O device of the boot tree looked like.
    """

    __slots__ = (
        "address",
        "connectors",
        "core_id",
        "fragment",
        "id",
        "kind",
        "node",
        "path",
        "remaining",
        "size",
        "slot",
        "template",
    )

    def __init__(
        self,
        kind: DeviceKind,
        id: str | None,
        path: str,
        connectors: list[Connector],
    ) -> None:
        self.kind = kind
        self.id = id
        self.path = path
        self.connectors = connectors
        self.core_id = 0
        self.node: int | None = None
        self.template: CpuTemplate | None = None
        self.address = 0
        self.size = 0
        self.slot = 0
        self.remaining: int | None = None
        self.fragment: bytes | None = None

    def __repr__(self) -> str:
        return f"<Device {self.kind.value} {self.id or self.path}>"

    @property
    def drc_indexes(self) -> tuple[int, ...]:
        """DRC indexes of its connectors."""
        return tuple(connector.index for connector in self.connectors)

    @property
    def end(self) -> int:
        """The address behind a DIMM or NVDIMM."""
        return self.address + self.size
