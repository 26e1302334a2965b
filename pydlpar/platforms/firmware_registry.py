"""The devices of a machine, by the names that its management calls them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydlpar.errors import PlatformError
from pydlpar.platforms.firmware_devices import Device

__all__ = ["Registry"]

_NAMED, _ANONYMOUS = "/machine/peripheral/", "/machine/peripheral-anon/"


class Registry:
    """Devices by path, in the order in which they came."""

    def __init__(self, devices: Iterable[Device]) -> None:
        self._devices = {device.path: device for device in devices}
        self._anonymous = sum(path.startswith(_ANONYMOUS) for path in self._devices)

    def __iter__(self) -> Iterator[Device]:
        return iter(self._devices.values())

    def find(self, target: str | Device) -> Device:
        """The device with this id or path, or that device itself.

        Raises:
            PlatformError: it is not there.
        """
        if isinstance(target, Device):
            device = self._devices.get(target.path)
            if device is target:
                return device
            target = target.id or target.path
        for device in self._devices.values():
            if target in (device.id, device.path):
                return device
        raise PlatformError(f"Device '{target}' not found")

    def attach(self, device: Device) -> None:
        """Put a device behind its connectors, and remember it."""
        for connector in device.connectors:
            connector.attach(device)
        self._devices[device.path] = device

    def remove(self, device: Device) -> None:
        """Forget a device that has left."""
        del self._devices[device.path]

    def path(self, id: str | None) -> str:
        """Where QEMU would keep the next device with this id, or without one."""
        if id is not None:
            return f"{_NAMED}{id}"
        self._anonymous += 1
        return f"{_ANONYMOUS}device[{self._anonymous - 1}]"

    def check_id(self, id: str | None) -> None:
        """Raise PlatformError where a device has this id."""
        if id is not None and f"{_NAMED}{id}" in self._devices:
            raise PlatformError(f"Duplicate device ID '{id}'")
