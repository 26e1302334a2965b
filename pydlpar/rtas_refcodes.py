"""What reference codes of Power systems mean, by their first 8 characters.

The rule: a text says no more than the public list of codes does (the keys and
meanings that librtasevent prints), in our words, and never guesses at a cause.
What that list does not tell, such as whether a medium is bad where it says that
it is missing, stays unsaid. A code without a text is "", not a guess.
"""

from __future__ import annotations

__all__ = ["REFERENCE_CODES", "reference_code_words"]

_CODE_LENGTH = 8

# The service processor at boot, by the last digit.
_BOOT = (
    "the boot request is not valid",
    "the service processor failed",
    "both firmware sides, permanent and temporary, are marked as bad",
    "boot parameters could not be set",
    "boot parameters could not be read",
    "the boot code has an error",
    "the unit's check timer was reset",
    "NVRAM cannot be read",
    "NVRAM cannot be written",
)
_BOOT_FAMILIES = {"B15172": 7, "B18172": 9}

# Devices with the same four tests, by the first four characters.
_SCSI_DEVICES = {
    "BA09": "SCSI disk",
    "BA10": "SCSI tape",
    "BA11": "SCSI changer",
    "BA12": "SCSI device of unknown kind",
    "BA13": "SCSI CD-ROM",
    "BA14": "SCSI optical drive",
}
_SCSI_TESTS = (
    "not ready, hardware error",
    "not ready, sense data tell more",
    "self-test failed, sense data tell more",
    "self-test failed at the devofl command",
)

# Drives behind ATA commands: 0010 to 0015.
_ATAPI_DEVICES = {"BA08": "IDE device", "BA13": "USB CD-ROM"}
_ATAPI_TESTS = (
    "busy for longer than it may be",
    "a command was not completed in time",
    "a command failed",
    "no medium in the drive",
    "the medium was changed",
    "a packet command failed",
)

_SINGLE = {
    "BA000010": "Firmware image: the device data are damaged",
    "BA000020": "Firmware image: levels that do not go together",
    "BA000030": "Firmware: communication by LP events failed",
    "BA000040": "RTAS image: its details cannot be had",
    "BA000050": "RTAS image: it cannot be loaded",
    "BA000060": "Open Firmware image: its details cannot be had",
    "BA000070": "Open Firmware image: it cannot be loaded",
    "BA010000": "Network boot: too little is known to boot",
    "BA010001": "Network boot: another device has the client's address",
    "BA010002": "Network boot: no address of the gateway",
    "BA010003": "Network boot: no hardware address of the server",
    "BA010004": "Network boot: BOOTP failed",
    "BA010005": "Network boot: the file transfer failed",
    "BA010006": "Network boot: the image is too large",
    "BA020001": "Password: error at its entry",
    "BA020009": "Password: a wrong one was entered, the system is locked",
    "BA030011": "RTAS: no memory to be had",
    "BA04000F": "Device self-test failed; no more is known",
    "BA040010": "Device self-test failed; its package is not found",
    "BA050001": "Reboot of the partition failed",
    "BA050004": "The service processor is missing in the device tree",
    "BA05000A": "The message of a failed boot could not be sent",
    "BA060003": "SMS input: an IP address needs three dots",
    "BA060004": "SMS input: not a valid IP parameter",
    "BA060005": "SMS input: a part of an IP address is above 255",
    "BA060007": "SMS: no keyboard found",
    "BA060008": "SMS: no adapter that can be set up for network boot",
    "BA06000B": "No operating system on the devices of the boot list",
    "BA06000C": "NVRAM has a pointer to an operating system",
    "BA060020": "Boot list: longer than it may be",
    "BA060021": "Boot list: more than five entries",
    "BA060022": "Boot list: an entry of more than 255 characters",
    "BA080001": "IDE device: busy for longer than the time-out",
    "BA150001": "Ethernet adapter (PCI): internal wrap test failed",
    "BA151001": "Ethernet adapter (10/100): internal wrap test failed",
    "BA151002": "Ethernet adapter (10/100); no more is known",
    "BA160001": "Token ring adapter (LANstreamer): hardware start not completed",
    "BA161001": "Token ring adapter: hardware start not completed",
    "BA170000": "NVRAM script: set-up failed at the device test",
    "BA170100": "NVRAM: its data fail the check",
    "BA170201": "NVRAM: no room to save a configuration variable",
    "BA170202": "NVRAM: no room to write to the event log",
    "BA170203": "NVRAM: no room to write vital product data",
    "BA170210": "NVRAM variable: NUL character in the name",
    "BA170211": "NVRAM variable: NUL character in the value",
    "BA170998": "NVRAM script: a command line failed",
    "BA170999": "NVRAM script: it left the stack out of balance",
    "BA180008": "PCI device: its FCode could not be evaluated",
    "BA180010": "PCI probe: the bridge is frozen",
    "BA180011": "PCI probe: the bridge cannot be used",
    "BA180012": "PCI device: error while running, the bridge is frozen",
    "BA180100": "FDDI adapter: its FCode driver is not supported here",
    "BA180101": "Fibre Channel adapter: stack underflow in its driver",
    "BA188000": "PCI adapter: not supported here",
    "BA188001": "EEH: an I/O adapter failed and was recovered",
    "BA188002": "EEH: an I/O adapter failed and could not be recovered",
    "BA190001": "Clock: the time of day cannot be read or set",
    "BA210000": "Firmware: an exception that only the default handler caught",
    "BA210001": "Firmware: stack underflow",
    "BA210002": "Firmware: ready before its console was",
    "BA250010": "Dynamic reconfiguration failed in Open Firmware",
    "BA278001": "Firmware update: not a valid image",
    "BA278002": "Firmware update: the image is for another platform",
    "BA278003": "Firmware update: the image store cannot be locked",
    "BA278004": "Firmware update: an image was asked for that there is not",
    "BA278005": "Firmware update: an image cannot be written",
    "BA278006": "Firmware update: the image store cannot be unlocked",
    "BA278007": "Firmware update: no restart after it",
}


def _families() -> dict[str, str]:
    """The codes that are told apart by their last digit only."""
    codes = {}
    for family, n in _BOOT_FAMILIES.items():
        for digit, text in enumerate(_BOOT[:n]):
            codes[f"{family}{digit:02}"] = f"Service processor boot: {text}"
    for family, device in _SCSI_DEVICES.items():
        for digit, text in enumerate(_SCSI_TESTS, 1):
            codes[f"{family}{digit:04}"] = f"{device}: {text}"
    for family, device in _ATAPI_DEVICES.items():
        for digit, text in enumerate(_ATAPI_TESTS, 10):
            codes[f"{family}{digit:04}"] = f"{device}: {text}"
    return codes


REFERENCE_CODES: dict[str, str] = {**_SINGLE, **_families()}
"""Text by the 8 characters of the code."""


def reference_code_words(code: str) -> str:
    """What *code* means, or "" where that is not known.

    Args:
        code: as in a PS or SS section; what follows its first 8 characters
            does not matter, nor does case.
    """
    return REFERENCE_CODES.get(code[:_CODE_LENGTH].upper(), "")
