"""Run by a guest's own Python: what `Linux` does there, told as one JSON object."""

from __future__ import annotations

import json
import subprocess
import sys
from binascii import b2a_base64

from pydlpar import Linux, decode_log

CORE = b"cpu remove index 0x10000001"


def main():
    dry = Linux()
    cores = dry.device_tree()["/cpus"].children
    told = {
        "dry": dry.write(CORE),
        "planned": [[str(path), data.decode()] for path, data in dry.planned],
        "same": len(dry.device_tree()["/cpus"].children) == len(cores),
        "takes": dry.read().decode(),
    }
    told["events"] = [
        int(record.event.hotplug.drc_index)
        for data in dry.error_log()
        for record in decode_log(data)
    ]
    machine = Linux(change=True)
    told["removed"] = machine.write(CORE)
    told["again"] = machine.write(CORE)
    told["ofdt"] = machine.write_ofdt(b"add_node /pydlpar name 8 pydlpar\0")
    with machine.locked():
        drmgr = ["drmgr", "-c", "cpu", "-a", "-q", "1"]
        told["drmgr_locked_out"] = subprocess.run(drmgr, capture_output=True).returncode
    told["drmgr"] = subprocess.run(drmgr, capture_output=True).returncode
    told["tree"] = b2a_base64(machine.device_tree().to_dtb()).decode()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
