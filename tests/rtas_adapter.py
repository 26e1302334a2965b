"""What an independent decoder says of an event, in our names.

The cases of the corpus are its work. Per kind of section, `SAME` has the
names that both use, `RENAMED` theirs and ours, `COMPUTED` theirs and how it
follows from our section. Each name of a case is in one of them.
"""

from __future__ import annotations

SAME = {
    "hdr": "version severity disposition extended initiator target type",
    "exthdr": "valid unrecoverable recoverable predictive platform_specific "
    "platform_value non_hardware group_failure residual boot post",
    "cpu": "internal element",
    "mem": "uncorrectable threshold_exceeded bad_address bad_data bus timeout "
    "ecc_syndrome memory_card sub_elements element",
    "io": "bus_data_parity bus_timeout bridge_internal mezzanine_data_parity "
    "mezzanine_timeout",
    "post": "firmware cpu memory io keyboard mouse display",
    "epow": "sensor_value sensor power_fault fan redundancy general power_supply "
    "power_switch battery sensor_token sensor_index sensor_status",
    "ibm_diag": "event_id",
    "sp": "timeout i2c_bus memory registers communication firmware hardware "
    "vpd_eeprom power_controller fan_sensor thermal_sensor voltage_sensor "
    "serial_port nvram rtc jtag tod_battery heartbeat surveillance pcn_connection "
    "pcn_node pcn_access sensor_token sensor_index",
    "PH": "platform_data plid",
    "UH": "event_severity event_type platform_data",
    "HP": "action count drc_index token non_transactional",
    "EP": "sensor_value extended_modifier reason_code",
    "MT": "model",
    "LR": "resource capacity",
    "LP": "target_count name",
    "MC": "fru_id",
    "IE": "event_type rpc_length scope drc_index",
    "DH": "size_valid",
    "UD": "data",
    "SRC": "src_version",
    "callout": "length type priority",
    "ID": "length flags component",
    "PE": "length flags model name",
    "MR": "length flags",
    "unit": "priority",
    "register": "data",
}
RENAMED = {
    "hdr": {"ext_log_length": "ext_length"},
    "exthdr": {
        "unrecoverable_bypassed": "bypassed",
        "newlog": "new",
        "bigendian": "big_endian",
        "power_pc": "powerpc",
        "addr_invalid": "address_invalid",
        "format_type": "format",
        "hot_plug": "hot_pluggable",
        "config_change": "config_changed",
    },
    "cpu": {
        "intcache": "internal_cache",
        "extcache_parity": "external_cache_parity",
        "extcache_ecc": "external_cache_ecc",
        "sysbus_timeout": "system_bus_timeout",
        "io_timeout": "io_timeout",
        "sysbus_parity": "system_bus_parity",
        "sysbus_protocol": "system_bus_protocol",
        "id": "cpu_id",
        "try_reboot": "reboot_may_fix",
    },
    "mem": {
        "ECC": "ecc_correctable",
        "control_internal": "controller_internal",
        "sysbus_parity": "system_bus_parity",
        "sysbus_timeout": "system_bus_timeout",
        "sysbus_protocol": "system_bus_protocol",
        "hostbridge_timeout": "host_bridge_timeout",
        "hostbridge_parity": "host_bridge_parity",
        "support": "support_function",
        "sysbus_internal": "system_bus_internal",
        "controller_detected": "detecting_controller",
        "controller_faulted": "faulting_controller",
    },
    "io": {
        "bus_addr_parity": "bus_address_parity",
        "non_pci": "non_pci_bridge",
        "mezzanine_addr_parity": "mezzanine_address_parity",
        "bridge_via_sysbus": "via_system_bus",
        "bridge_via_mezzanine": "via_mezzanine",
        "bridge_via_expbus": "via_expansion_bus",
        "detected_by_expbus": "detected_by_expansion_bus",
        "expbus_data_parity": "expansion_data_parity",
        "expbus_timeout": "expansion_timeout",
        "expbus_connection_failure": "expansion_connection_failure",
        "expbus_not_operating": "expansion_not_operating",
        **{
            f"pci_{theirs}_{name}": f"{ours}_{field}"
            for theirs, ours in (("sig", "signalling"), ("send", "sending"))
            for name, field in (
                ("busno", "bus"),
                ("devfn", "devfn"),
                ("deviceid", "device"),
                ("vendorid", "vendor"),
                ("revisionid", "revision"),
                ("slot", "slot"),
            )
        },
    },
    "post": {
        "config": "configuration",
        "ipl_floppy": "boot_floppy",
        "ipl_controller": "boot_controller",
        "ipl_cdrom": "boot_cdrom",
        "ipl_disk": "boot_disk",
        "ipl_net": "boot_network",
        "ipl_other": "boot_other",
        "firmware_selftest": "firmware_self_test",
        "devname": "device_name",
        "err_code": "post_code",
        "firmware_rev": "firmware_revision",
    },
    "epow": {
        "action_code": "action",
        "temp": "temperature",
        "CUoD": "cuod",
        "power_loss": "power_source_lost",
        "sensor_value2": "sensor_reading",
    },
    "sp": {
        "ibm": "company",
        "i2c_secondary_bus": "secondary_i2c_bus",
        "op_panel": "operator_panel",
    },
    "vendor": {"vendor_id": "vendor", "vendor_data": "data"},
    "PH": {
        "creator_id": "creator",
        "scn_count": "section_count",
        "log_entry_id": "entry_id",
    },
    "UH": {
        "subsystem_id": "subsystem",
        "event_data": "event_scope",
        "action": "action_flags",
    },
    "HP": {
        "hp_type": "resource",
        "identifier": "id_type",
        "capability": "capabilities",
    },
    "EP": {"action_code": "action", "event_modifier": "modifier"},
    "MT": {"serial_no": "serial"},
    "LR": {"id_or_index_or_addr_hi": "identifier", "addr_lo": "address_low"},
    "LP": {
        "primary_partition_id": "primary_partition",
        "lp_name_length": "name_length",
        "lp_id": "partition_id",
    },
    "MC": {
        "processor_id": "processor",
        "mc_type": "error_type",
        "detail": "error_detail",
    },
    "IE": {"subtype": "event_subtype", "rpc_data": "data"},
    "DH": {
        "id": "dump_id",
        "location": "sent_to_hmc",
        "fname_type": "name_is_hex",
        "id_len": "name_length",
        "os_id": "name",
    },
    "SRC": {
        "subscns_included": "additional_sections",
        "subscn_id": "callouts_id",
        "subscn_platform_data": "callouts_platform_data",
        "subscn_length": "callouts_length",
    },
    "callout": {
        "fru_id_included": "identity_included",
        "fru_subscn_included": "substructures_included",
        "loc_code_length": "location_length",
        "loc_code": "location_code",
    },
    "PE": {"serial_no": "serial"},
    "MR": {"num_callouts": "unit_count"},
    "unit": {"id": "unit_id"},
    "register": {"id": "register_id"},
}
HEADER = {
    "id": "id",
    "length": "length",
    "version": "version",
    "subtype": "subtype",
    "creator_comp_id": "creator_component",
}


def _digits(field, start, end):
    return lambda s: int(s[field][start:end], 16)


_BCD = {
    "date_year": _digits("date", 0, 4),
    "date_month": _digits("date", 4, 6),
    "date_day": _digits("date", 6, 8),
    "time_hour": _digits("time", 0, 2),
    "time_minutes": _digits("time", 2, 4),
    "time_seconds": _digits("time", 4, 6),
    "time_hundredths": _digits("time", 6, 8),
}
_ADDRESS = {
    "failing_address_hi": lambda s: s["failing_address"] >> 32,
    "failing_address_lo": lambda s: s["failing_address"] & 0xFFFFFFFF,
}


def _payload(section):
    return section.raw[8:].hex()


def _subs(section):
    """Without a row, an ID says of what it lacks that it is empty."""
    return [theirs(sub, sub.id) for sub in section.substructures]


COMPUTED = {
    "exthdr": _BCD,
    "post": {"loc_code": lambda s: s.raw[20:28].hex()},
    "cpu": _ADDRESS,
    "mem": _ADDRESS,
    "vendor": {
        "vendor_data_sz": lambda s: len(s["data"]),
        "location_codes": lambda s: list(s["location_codes"]),
        "registers": lambda s: [theirs(r, "register") for r in s["registers"]],
    },
    "PH": {
        **_BCD,
        "creator_subid_hi": lambda s: int.from_bytes(s["creator_subsystem"][:4], "big"),
        "creator_subid_lo": lambda s: int.from_bytes(s["creator_subsystem"][4:], "big"),
        "creator_subid_name": lambda s: s.get("creator_subsystem_name", ""),
    },
    "LP": {"targets_raw": lambda s: s.raw[16 + s["name_length"] :].hex()},
    "MC": {
        name: lambda s, name=name: f"{s[name]:016x}"
        for name in ("effective_address", "logical_address")
    },
    "DH": {
        "size_hi": lambda s: s["size"] >> 32,
        "size_lo": lambda s: s["size"] & 0xFFFFFFFF,
    },
    "SRC": {
        "src_platform_data": lambda s: (
            f"{s['src_flags']:02x}" + s["platform_data"].hex()
        ),
        "primary_refcode": lambda s: s["reference_code"].ljust(32),
        "frus": lambda s: [theirs(c, "callout") for c in s["callouts"]],
        **{
            f"ext_refcode{n}": lambda s, n=n: s["hex_words"][n - 2]
            for n in range(2, 10)
        },
    },
    "callout": {"subs": _subs},
    "ID": {
        "part_no": lambda s: s.get("part_number", ""),
        "procedure_id": lambda s: s.get("procedure", ""),
        "ccin": lambda s: s.get("ccin", ""),
        "serial_no": lambda s: s.get("serial", ""),
    },
    "MR": {"mrus": lambda s: [theirs(u, "unit") for u in s["units"]]},
}
for _kind in ("EH", "ED", "SW", "MI", "HM"):
    COMPUTED[_kind] = {"data": _payload}
# Sub-structures say which they are; sections do so in their header.
for _kind in ("ID", "PE", "MR"):
    SAME[_kind] += " id"


def names_of(kind):
    """All names of theirs that the adapter has for this kind."""
    names = {*SAME.get(kind, "").split(), *RENAMED.get(kind, ())}
    return names | set(COMPUTED.get(kind, ()))


# What a case says of a list that a section does not have.
_LACKING = {
    "subscn_id": 0,
    "subscn_platform_data": 0,
    "subscn_length": 0,
    "frus": [],
}
_LISTS = {"frus": "callouts", "location_codes": "location_codes"}
_LISTS["registers"] = "registers"


def theirs(section, kind):
    """A section or record of ours as a case has it; what it lacks is None."""
    plain = section.to_dict()
    found = {name: plain.get(name) for name in SAME.get(kind, "").split()}
    for name, ours in RENAMED.get(kind, {}).items():
        found[name] = plain.get(ours, _LACKING.get(name))
    for name, compute in COMPUTED.get(kind, {}).items():
        there = _LISTS.get(name) is None or _LISTS[name] in section
        found[name] = compute(section) if there else _LACKING.get(name)
    return found


def header_of(section):
    """The header of a version 6 section as a case has it."""
    return {theirs: section[ours] for theirs, ours in HEADER.items()}
