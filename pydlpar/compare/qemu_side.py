"""The side of a real QEMU: what its devices need beside what the model knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydlpar.compare.sides import PlatformSide, has_rom

if TYPE_CHECKING:
    from pydlpar.platforms.qemu import Qemu

__all__ = ["QemuSide"]

_BLOCK: Final = ("virtio-blk", "nvme")
_CRYPTO: Final = "virtio-crypto-pci"
_DISK_SIZE: Final = 1 << 20


class QemuSide(PlatformSide):
    """A real QEMU. Its PCI functions come without a boot ROM."""

    platform: Qemu
    _n_backends = 0

    def _plug_pci(self, rules: dict[str, Any]) -> None:
        driver = rules["driver"]
        if has_rom(driver):
            rules["romfile"] = ""
        self.platform.plug_pci(**rules, **self._backend(driver))

    def _backend(self, driver: str) -> dict[str, Any]:
        """What a driver needs behind it: an empty disk, or a cipher."""
        self._n_backends += 1
        name = f"backend-{self._n_backends}"
        command = self.platform.command
        if driver.startswith(_BLOCK):
            disk = {"driver": "null-co", "node-name": name, "size": _DISK_SIZE}
            command("blockdev-add", **disk)
            return {"drive": name} | ({"serial": "s"} if driver == "nvme" else {})
        if driver == _CRYPTO:
            kind = {"qom-type": "cryptodev-backend-builtin", "id": name}
            command("object-add", **kind)
            return {"cryptodev": name}
        return {}
