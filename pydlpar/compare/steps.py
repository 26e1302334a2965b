"""Steps of a plan: what is done to a machine, as data that can be saved.

A step is a write to one of the kernel's files, an RTAS call, or a command of the
management. It has a name and arguments, those of the method that carries it out
(`Firmware`, `Dispatcher`), and a JSON form: `{"do": "plug_cpu", "core_id": 3}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydlpar.errors import ArgumentError

__all__ = ["CALLS", "MANAGEMENT", "VERBS", "WRITES", "Step", "step_from_dict"]

Value = int | str | bytes | bool | None

_REQUIRED: Final = object()
_DATA: Final = "data"

WRITES: Final = frozenset({"write", "write_ofdt"})
"""Writes to `/sys/kernel/dlpar` and `/proc/powerpc/ofdt`."""

CALLS: Final = frozenset(
    {
        "check_exception",
        "event_scan",
        "get_power_level",
        "get_sensor_state",
        "set_indicator",
        "set_power_level",
        "walk",
    }
)
"""RTAS calls; `walk` is ibm,configure-connector, *calls* times or to its end."""

MANAGEMENT: Final = frozenset(
    {
        "cas",
        "plug_cpu",
        "plug_memory",
        "plug_nvdimm",
        "plug_pci",
        "plug_phb",
        "reset",
        "system_powerdown",
        "unplug",
    }
)
"""What the management of the machine does: the methods of `Firmware`."""

VERBS: Final[Mapping[str, dict[str, Any]]] = {
    "write": {_DATA: _REQUIRED},
    "write_ofdt": {_DATA: _REQUIRED},
    "interrupt": {},
    "get_sensor_state": {"sensor": _REQUIRED, "index": _REQUIRED},
    "set_indicator": {"indicator": _REQUIRED, "index": _REQUIRED, "value": _REQUIRED},
    "walk": {"index": _REQUIRED, "calls": None},
    "check_exception": {"mask": _REQUIRED},
    "event_scan": {"mask": _REQUIRED},
    "get_power_level": {"domain": _REQUIRED},
    "set_power_level": {"domain": _REQUIRED, "level": _REQUIRED},
    "plug_cpu": {"core_id": None, "id": None},
    "plug_memory": {"size": _REQUIRED, "id": None, "addr": None, "node": 0},
    "plug_nvdimm": {
        "size": _REQUIRED,
        "uuid": None,
        "label_size": 128 << 10,
        "id": None,
        "node": 0,
    },
    "plug_phb": {"index": None, "id": None, "numa_node": None},
    "plug_pci": {
        "driver": _REQUIRED,
        "slot": None,
        "function": 0,
        "id": None,
        "bus": "pci.0",
        "multifunction": False,
        "chassis": None,
    },
    "unplug": {"target": _REQUIRED},
    "system_powerdown": {},
    "reset": {},
    "cas": {"hotplug_events": True},
}
"""Every step, with its arguments and what they are where they are not given."""

_HEX: Final = frozenset({"index", "mask", "addr", "size"})


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        verb: a key of `VERBS`.
        arguments: all of them, in the order of `VERBS`.
    """

    verb: str
    arguments: tuple[Value, ...]

    @classmethod
    def make(cls, verb: str, **given: Value) -> Step:
        """A step, with what is not given as `VERBS` says.

        Raises:
            ArgumentError: no such step, or not its arguments.
        """
        parameters = VERBS.get(verb)
        if parameters is None:
            known = ", ".join(VERBS)
            raise ArgumentError(f"step {verb!r}: expected one of {known}")
        wrong = given.keys() - parameters.keys()
        missing = {n for n, value in parameters.items() if value is _REQUIRED}
        missing -= given.keys()
        if wrong or missing:
            what = min(wrong | missing)
            names = ", ".join(parameters) or "none"
            state = "unknown" if wrong else "missing"
            raise ArgumentError(
                f"step {verb!r}: {state} argument {what!r}, expected {names}"
            )
        return cls(verb, tuple((parameters | given).values()))

    @property
    def named(self) -> dict[str, Value]:
        """The arguments by name."""
        return dict(zip(VERBS[self.verb], self.arguments, strict=True))

    def __getitem__(self, name: str) -> Any:
        """An argument by its name."""
        return self.named[name]

    def __str__(self) -> str:
        if self.verb in WRITES:
            return f"{self.verb} {_text(self.arguments[0])!r}"
        shown = [f"{name}={_shown(name, v)}" for name, v in self._said().items()]
        return f"{self.verb}({', '.join(shown)})"

    def _said(self) -> dict[str, Value]:
        """The arguments that are not what they are anyway."""
        usual = VERBS[self.verb]
        return {n: value for n, value in self.named.items() if value != usual[n]}

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; each byte of a write is a character."""
        said = {
            name: _text(value) if isinstance(value, bytes) else value
            for name, value in self._said().items()
        }
        return {"do": self.verb, **said}


def step_from_dict(record: object) -> Step:
    """The step of a JSON form.

    Raises:
        ArgumentError: it is none; the message says what was expected.
    """
    if not isinstance(record, dict) or not isinstance(record.get("do"), str):
        raise ArgumentError(f"step {record!r}: expected an object with 'do'")
    given = {name: value for name, value in record.items() if name != "do"}
    for name, value in given.items():
        if not isinstance(value, int | str | None):
            raise ArgumentError(
                f"step {record['do']!r}: {name} is {value!r}, expected a number, "
                "text, true, false or null"
            )
    if record["do"] in WRITES and _DATA in given:
        given[_DATA] = _bytes(record["do"], given[_DATA])
    return Step.make(record["do"], **given)


def _shown(name: str, value: Value) -> str:
    return f"{value:#x}" if name in _HEX and isinstance(value, int) else str(value)


def _text(value: Value) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _bytes(verb: str, value: Value) -> bytes:
    try:
        return str(value).encode("latin-1")
    except UnicodeEncodeError as error:
        raise ArgumentError(
            f"step {verb!r}: character {error.start} is not a byte"
        ) from None
