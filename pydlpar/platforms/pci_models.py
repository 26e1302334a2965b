"""PCI functions that QEMU 7.2 can plug into a pseries machine, by driver name.

Values are those of QEMU's device models with their default properties, and with
the boot ROMs of network cards that it ships (a ROM of 256 KiB; QEMU leaves it out
with `romfile=""`, see `without_rom`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydlpar.platforms.pci_function import ROM_BAR, BarSpace, PciBar, PciFunction

__all__ = ["PCI_MODELS", "without_rom"]

_IO, _M32, _M64 = BarSpace.IO, BarSpace.MEM32, BarSpace.MEM64
_ROM: Final = (ROM_BAR, _M32, 0x40000)
_Bars = tuple[tuple[int, BarSpace, int], ...]

_REDHAT, _QUMRANET = 0x1AF4, 0x1B36
_QEMU_SUBSYSTEM: Final = (_REDHAT, 0x1100)
_MSIX_BAR: Final = (1, _M32, 0x1000)
_MODERN_BAR: Final = (4, _M64, 0x4000)


def _model(
    driver: str,
    vendor: int,
    device: int,
    class_code: int,
    *,
    subsystem: tuple[int, int] = _QEMU_SUBSYSTEM,
    bars: _Bars = (),
    **registers: Any,
) -> PciFunction:
    return PciFunction(
        driver,
        vendor,
        device,
        class_code,
        subsystem_vendor=subsystem[0],
        subsystem=subsystem[1],
        bars=tuple(PciBar(*bar) for bar in bars),
        **registers,
    )


def _virtio(
    driver: str,
    device: int,
    class_code: int,
    *,
    vectors: int,
    subsystem: int | None = None,
    io: int = 0,
    rom: bool = False,
) -> PciFunction:
    """A virtio function; transitional where it has the I/O BAR of old drivers."""
    bars: _Bars = ((0, _IO, io),) if io else ()
    bars += (_MSIX_BAR,) if vectors else ()
    bars += (_MODERN_BAR,)
    bars += (_ROM,) if rom else ()
    return _model(
        driver,
        _REDHAT,
        device,
        class_code,
        revision=0 if io else 1,
        subsystem=_QEMU_SUBSYSTEM if subsystem is None else (_REDHAT, subsystem),
        bars=bars,
        msix=vectors,
        parts=("virtio-backend",),
    )


_MODELS: Final = (
    _virtio(
        "virtio-net-pci", 0x1000, 0x020000, subsystem=1, io=0x20, vectors=4, rom=True
    ),
    _virtio("virtio-blk-pci", 0x1001, 0x010000, subsystem=2, io=0x80, vectors=2),
    _virtio("virtio-scsi-pci", 0x1004, 0x010000, subsystem=8, io=0x40, vectors=4),
    _virtio("virtio-rng-pci", 0x1005, 0x00FF00, subsystem=4, io=0x20, vectors=2),
    _virtio("virtio-balloon-pci", 0x1002, 0x00FF00, subsystem=5, io=0x40, vectors=0),
    _virtio("virtio-serial-pci", 0x1003, 0x078000, subsystem=3, io=0x40, vectors=2),
    _virtio("virtio-mouse-pci", 0x1052, 0x090200, vectors=2),
    _virtio("virtio-keyboard-pci", 0x1052, 0x090000, vectors=2),
    _virtio("virtio-tablet-pci", 0x1052, 0x098000, vectors=2),
    _virtio("virtio-crypto-pci", 0x1054, 0x00FF00, vectors=2),
    _virtio("virtio-net-pci-non-transitional", 0x1041, 0x020000, vectors=4, rom=True),
    _virtio("virtio-blk-pci-non-transitional", 0x1042, 0x010000, vectors=2),
    _virtio("virtio-scsi-pci-non-transitional", 0x1048, 0x010000, vectors=4),
    _virtio("virtio-rng-pci-non-transitional", 0x1044, 0x00FF00, vectors=2),
    _virtio("virtio-serial-pci-non-transitional", 0x1043, 0x078000, vectors=2),
    _model(
        "e1000",
        0x8086,
        0x100E,
        0x020000,
        revision=0x03,
        bars=((0, _M32, 0x20000), (1, _IO, 0x40), _ROM),
        cache_line=16,
    ),
    _model(
        "e1000-82545em",
        0x8086,
        0x100F,
        0x020000,
        revision=0x03,
        bars=((0, _M32, 0x20000), (1, _IO, 0x40), _ROM),
        cache_line=16,
    ),
    _model(
        "e1000e",
        0x8086,
        0x10D3,
        0x020000,
        subsystem=(0x8086, 0x0000),
        bars=(
            (0, _M32, 0x20000),
            (1, _M32, 0x20000),
            (2, _IO, 0x20),
            (3, _M32, 0x4000),
            _ROM,
        ),
        msi=1,
        msix=5,
        cache_line=16,
        extended_config=True,
    ),
    _model(
        "rtl8139",
        0x10EC,
        0x8139,
        0x020000,
        revision=0x20,
        bars=((0, _IO, 0x100), (1, _M32, 0x100), _ROM),
    ),
    _model(
        "pcnet",
        0x1022,
        0x2000,
        0x020000,
        revision=0x10,
        subsystem=(0x0000, 0x0000),
        bars=((0, _IO, 0x20), (1, _M32, 0x20), _ROM),
        min_grant=6,
        max_latency=255,
        status=0x280,
    ),
    _model(
        "i82559c",
        0x8086,
        0x1229,
        0x020000,
        revision=0x0C,
        subsystem=(0x8086, 0x0040),
        bars=((0, _M32, 0x1000), (1, _IO, 0x40), (2, _M32, 0x20000), _ROM),
        min_grant=8,
        max_latency=24,
        status=0x280,
    ),
    _model(
        "i82550",
        0x8086,
        0x1209,
        0x020000,
        revision=0x0E,
        bars=((0, _M32, 0x1000), (1, _IO, 0x40), (2, _M32, 0x20000), _ROM),
        min_grant=8,
        max_latency=24,
        status=0x280,
    ),
    _model(
        "vmxnet3",
        0x15AD,
        0x07B0,
        0x020000,
        revision=0x01,
        subsystem=(0x15AD, 0x07B0),
        bars=((0, _M32, 0x1000), (1, _M32, 0x1000), (2, _M32, 0x2000), _ROM),
        msi=1,
        msix=25,
        extended_config=True,
    ),
    _model(
        "rocker",
        _QUMRANET,
        0x0006,
        0x028000,
        revision=0x01,
        bars=((0, _M32, 0x2000), (1, _M32, 0x2000)),
        pin=0,
        msix=4,
    ),
    _model(
        "nvme",
        _QUMRANET,
        0x0010,
        0x010802,
        revision=0x02,
        bars=((0, _M64, 0x4000),),
        msix=65,
        extended_config=True,
    ),
    _model(
        "qemu-xhci",
        _QUMRANET,
        0x000D,
        0x0C0330,
        revision=0x01,
        bars=((0, _M64, 0x4000),),
        msix=16,
        cache_line=16,
        extended_config=True,
    ),
    _model(
        "nec-usb-xhci",
        0x1033,
        0x0194,
        0x0C0330,
        revision=0x03,
        bars=((0, _M64, 0x4000),),
        msi=1,
        msix=16,
        cache_line=16,
        extended_config=True,
    ),
    _model(
        "usb-ehci",
        0x8086,
        0x24CD,
        0x0C0320,
        revision=0x10,
        bars=((0, _M32, 0x1000),),
        pin=4,
    ),
    _model(
        "piix3-usb-uhci",
        0x8086,
        0x7020,
        0x0C0300,
        revision=0x01,
        bars=((4, _IO, 0x20),),
        pin=4,
    ),
    _model(
        "ich9-ahci",
        0x8086,
        0x2922,
        0x010601,
        revision=0x02,
        bars=((4, _IO, 0x20), (5, _M32, 0x1000)),
        msi=1,
        cache_line=8,
    ),
    _model(
        "lsi53c895a",
        0x1000,
        0x0012,
        0x010000,
        subsystem=(0x0000, 0x1000),
        bars=((0, _IO, 0x100), (1, _M32, 0x400), (2, _M32, 0x2000)),
    ),
    _model(
        "megasas",
        0x1000,
        0x0060,
        0x010400,
        subsystem=(0x1000, 0x1013),
        bars=((0, _M64, 0x4000), (2, _IO, 0x100), (3, _M64, 0x40000)),
        msi=1,
        msix=15,
    ),
    _model(
        "megasas-gen2",
        0x1000,
        0x0079,
        0x010400,
        subsystem=(0x1000, 0x9261),
        bars=((0, _IO, 0x100), (1, _M64, 0x4000), (3, _M64, 0x40000)),
        msi=1,
        msix=15,
        extended_config=True,
    ),
    _model(
        "mptsas1068",
        0x1000,
        0x0054,
        0x010000,
        subsystem=(0x1000, 0x8000),
        bars=((0, _IO, 0x100), (1, _M32, 0x4000), (2, _M32, 0x10000)),
        msi=1,
    ),
    _model(
        "pvscsi",
        0x15AD,
        0x07C0,
        0x010000,
        revision=0x02,
        subsystem=(0x15AD, 0x07C0),
        bars=((0, _M32, 0x8000),),
        msi=1,
        extended_config=True,
    ),
    _model("sdhci-pci", _QUMRANET, 0x0007, 0x080501, bars=((0, _M32, 0x100),)),
    _model(
        "pci-serial", _QUMRANET, 0x0002, 0x070002, revision=0x01, bars=((0, _IO, 0x8),)
    ),
    _model(
        "pci-serial-2x",
        _QUMRANET,
        0x0003,
        0x070002,
        revision=0x01,
        bars=((0, _IO, 0x10),),
    ),
    _model(
        "pci-testdev",
        _QUMRANET,
        0x0005,
        0x00FF00,
        bars=((0, _M32, 0x1000), (1, _IO, 0x100)),
        pin=0,
    ),
    _model(
        "edu",
        0x1234,
        0x11E8,
        0x00FF00,
        revision=0x10,
        bars=((0, _M32, 0x100000),),
        msi=1,
    ),
    _model(
        "secondary-vga",
        0x1234,
        0x1111,
        0x038000,
        revision=0x02,
        bars=((0, _M32, 0x1000000), (2, _M32, 0x1000)),
        pin=0,
    ),
    _model(
        "intel-hda",
        0x8086,
        0x2668,
        0x040300,
        revision=0x01,
        bars=((0, _M32, 0x4000),),
        msi=1,
    ),
    _model(
        "ich9-intel-hda",
        0x8086,
        0x293E,
        0x040300,
        revision=0x03,
        bars=((0, _M32, 0x4000),),
        msi=1,
    ),
    _model(
        "pci-bridge",
        _QUMRANET,
        0x0001,
        0x060400,
        subsystem=(0x0000, 0x0000),
        bars=((0, _M64, 0x100),),
        msi=1,
        status=0xA0,
    ),
)

PCI_MODELS: Final[Mapping[str, PciFunction]] = MappingProxyType(
    {model.driver: model for model in _MODELS}
)
"""Functions by name of QEMU's driver."""


def without_rom(function: PciFunction) -> PciFunction:
    """The function as QEMU has it without a boot ROM (`romfile=""`)."""
    bars = tuple(bar for bar in function.bars if bar.number != ROM_BAR)
    return function._replace(bars=bars)
