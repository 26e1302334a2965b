"""Fixtures for who tests QEMU, a kernel or a tool: a machine that takes hotplug.

    @pytest.mark.pseries(cpus=2, max_cpus=4)
    def test_a_core_comes(pseries_qemu):
        pseries_qemu.platform.plug_cpu(core_id=3)
        (outcome,) = pseries_qemu.dispatcher.interrupt()
        assert outcome.errno == 0

`pseries_firmware` is the model, `pseries_qemu` a real QEMU without a guest,
`pseries_guest` a real Linux in QEMU. Where one cannot be had the test is skipped,
with the reason, or fails with `--pseries-require`. See docs/testing.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pydlpar.compare.machines import MachineSpec
    from pydlpar.dispatch import Dispatcher
    from pydlpar.partition import Partition
    from pydlpar.platforms.guest import Guest
    from pydlpar.tree import DeviceTree

__all__ = [
    "Pseries",
    "pseries_firmware",
    "pseries_guest",
    "pseries_qemu",
    "pytest_addoption",
    "pytest_configure",
]

_MARKER: Final = (
    "pseries(cpus, max_cpus, memory, max_memory, slots, dialect, profile, events, "
    "form1, nvdimm, linux, fresh): the machine of the fixtures pseries_firmware, "
    "pseries_qemu and pseries_guest; sizes as numbers or as '1G'"
)
_SIZES: Final = ("memory", "max_memory")
_LINE: Final = "6.12"
_KINDS: Final = ("qemu", "guest")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plugin."""
    group = parser.getgroup("pseries", "pydlpar: machines that take hotplug")
    group.addoption(
        "--pseries-guest-cache",
        metavar="DIR",
        help="where `pydlpar guest fetch` keeps kernels; default: the usual place",
    )
    group.addoption(
        "--pseries-require",
        action="append",
        choices=_KINDS,
        default=[],
        help="fail, instead of skipping, where there is no such machine",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _MARKER)


@dataclass(frozen=True)
class Pseries:
    """A machine with a kernel's dispatcher on it.

    Attributes:
        platform: `Firmware` or `Qemu`: plugs, unplugs, answers RTAS calls.
        dispatcher: takes requests and events as Linux does.
    """

    platform: Any
    dispatcher: Dispatcher

    @property
    def partition(self) -> Partition:
        """What the operating system knows."""
        return self.dispatcher.partition

    @property
    def tree(self) -> DeviceTree:
        """Its device tree now."""
        return self.dispatcher.partition.tree


@dataclass(frozen=True)
class _Wish:
    """What the marker of a test asks for."""

    spec: MachineSpec
    line: str
    fresh: bool


def _wish(request: pytest.FixtureRequest) -> _Wish:
    """Markers of a module, a class and a test add up; the closest wins."""
    from pydlpar.compare.machines import MachineSpec
    from pydlpar.errors import ArgumentError
    from pydlpar.sizes import parse_size

    said: dict[str, Any] = {}
    for marker in request.node.iter_markers("pseries"):
        if marker.args:
            raise pytest.UsageError(f"pseries{marker.args}: expected names, as cpus=2")
        said = {**marker.kwargs, **said}
    line, fresh = said.pop("linux", _LINE), said.pop("fresh", False)
    try:
        for name in _SIZES:
            if isinstance(said.get(name), str):
                said[name] = parse_size(said[name])
        return _Wish(MachineSpec.from_dict(said), line, fresh)
    except ArgumentError as error:
        raise pytest.UsageError(f"pseries: {error}") from None


def _give_up(request: pytest.FixtureRequest, kind: str, reason: str) -> None:
    if kind in request.config.getoption("--pseries-require"):
        pytest.fail(f"no {kind}: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def pseries_firmware(request: pytest.FixtureRequest) -> Pseries:
    """The firmware model: at once, and everywhere."""
    from pydlpar.compare.sized_tree import sized_tree
    from pydlpar.dispatch import Dispatcher
    from pydlpar.errors import ArgumentError
    from pydlpar.partition import Partition
    from pydlpar.platforms.firmware import Firmware

    spec = _wish(request).spec
    try:
        tree = sized_tree(spec)
    except ArgumentError as error:
        raise pytest.UsageError(f"pseries: {error}") from None
    firmware = Firmware.from_tree(tree, spec.profile)
    return Pseries(firmware, Dispatcher(Partition(tree), firmware, spec.dialect))


@pytest.fixture
def pseries_qemu(request: pytest.FixtureRequest) -> Iterator[Pseries]:
    """A real QEMU, paused, which has negotiated; its own for each test."""
    from pydlpar.compare.machines import start_qemu
    from pydlpar.dispatch import Dispatcher
    from pydlpar.errors import QemuUnavailableError
    from pydlpar.partition import Partition

    spec = _wish(request).spec
    try:
        qemu = start_qemu(spec)
    except QemuUnavailableError as error:
        _give_up(request, "qemu", str(error))
        raise
    with qemu:
        partition = Partition(qemu.device_tree())
        yield Pseries(qemu, Dispatcher(partition, qemu, spec.dialect))


@pytest.fixture(scope="module")
def _pseries_guests() -> Iterator[dict[tuple[MachineSpec, str], Guest]]:
    """The guests that run, by what was asked for."""
    guests: dict[tuple[MachineSpec, str], Guest] = {}
    yield guests
    for guest in guests.values():
        guest.close()


@pytest.fixture
def pseries_guest(
    request: pytest.FixtureRequest,
    _pseries_guests: dict[tuple[MachineSpec, str], Guest],
) -> Guest:
    """A real Linux in QEMU, which takes some seconds to boot.

    Tests of a module that ask for the same share it; `fresh=True` boots anew.
    """
    from pydlpar.compare.machines import dialect_of, start_guest
    from pydlpar.errors import ArgumentError, QemuUnavailableError
    from pydlpar.platforms.guest_packages import cached_files

    wish = _wish(request)
    key = wish.spec, wish.line
    running = _pseries_guests.pop(key, None)
    if running is not None and (wish.fresh or running.process.returncode is not None):
        running.close()
        running = None
    if running is None:
        try:
            dialect_of(wish.line)
        except ArgumentError as error:
            raise pytest.UsageError(f"pseries: {error}") from None
        folder = request.config.getoption("--pseries-guest-cache")
        cache = Path(folder) if folder else None
        if cached_files(wish.line, cache) is None:
            reason = f"no Linux {wish.line}: run 'pydlpar guest fetch {wish.line}'"
            _give_up(request, "guest", reason)
        try:
            running = start_guest(wish.spec, wish.line, cache)
        except QemuUnavailableError as error:
            _give_up(request, "guest", str(error))
            raise
    _pseries_guests[key] = running
    return running
