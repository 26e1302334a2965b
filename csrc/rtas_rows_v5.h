/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtas_rows_v5.h - private: tables of what stands behind the extended header
 * before version 6, and of the vendor part.
 *
 * LoPAR 7.3.3, versions 1 to 5, big-endian reading. Offsets are from the start
 * of the part and used here only, so they stand as numbers. Included by
 * rtas_layout.c alone.
 */
#ifndef RTAS_ROWS_V5_H
#define RTAS_ROWS_V5_H

#include "rtas_rows.h"

enum {
	V5_BODY_LEN = 28,
	V5_DIAG_LEN = 4,
	V5_VENDOR_LEN = 4,
	REGISTER_LEN = 4
};

static const struct dlpar_rtas_field v5_cpu[] = {
	BIT("internal", 0, 7),
	BIT("internal_cache", 0, 6),
	BIT("external_cache_parity", 0, 5),
	BIT("external_cache_ecc", 0, 4),
	BIT("system_bus_timeout", 0, 3),
	BIT("io_timeout", 0, 2),
	BIT("system_bus_parity", 0, 1),
	BIT("system_bus_protocol", 0, 0),
	U8("cpu_id", 1),
	U16("element", 2),
	U64("failing_address", 4),
	BIT("reboot_may_fix", 12, 7),
};

static const struct dlpar_rtas_field v5_mem[] = {
	BIT("uncorrectable", 0, 7),
	BIT("ecc_correctable", 0, 6),
	BIT("threshold_exceeded", 0, 5),
	BIT("controller_internal", 0, 4),
	BIT("bad_address", 0, 3),
	BIT("bad_data", 0, 2),
	BIT("bus", 0, 1),
	BIT("timeout", 0, 0),
	BIT("system_bus_parity", 1, 7),
	BIT("system_bus_timeout", 1, 6),
	BIT("system_bus_protocol", 1, 5),
	BIT("host_bridge_timeout", 1, 4),
	BIT("host_bridge_parity", 1, 3),
	BIT("support_function", 1, 1),
	BIT("system_bus_internal", 1, 0),
	U8("detecting_controller", 2),
	U8("faulting_controller", 3),
	U64("failing_address", 4),
	U16("ecc_syndrome", 12),
	U8("memory_card", 14),
	U32("sub_elements", 16),
	U16("element", 20),
};

/* The adapter that signalled the error, and the one that was sending. */
static const struct dlpar_rtas_field v5_io[] = {
	BIT("bus_address_parity", 0, 7),
	BIT("bus_data_parity", 0, 6),
	BIT("bus_timeout", 0, 5),
	BIT("bridge_internal", 0, 4),
	BIT("non_pci_bridge", 0, 3),
	BIT("mezzanine_address_parity", 0, 2),
	BIT("mezzanine_data_parity", 0, 1),
	BIT("mezzanine_timeout", 0, 0),
	BIT("via_system_bus", 1, 7),
	BIT("via_mezzanine", 1, 6),
	BIT("via_expansion_bus", 1, 5),
	BIT("detected_by_expansion_bus", 1, 4),
	BIT("expansion_data_parity", 1, 3),
	BIT("expansion_timeout", 1, 2),
	BIT("expansion_connection_failure", 1, 1),
	BIT("expansion_not_operating", 1, 0),
	U8("signalling_bus", 2),
	U8("signalling_devfn", 3),
	U16("signalling_device", 4),
	U16("signalling_vendor", 6),
	U8("signalling_revision", 8),
	U8("signalling_slot", 9),
	U8("sending_bus", 10),
	U8("sending_devfn", 11),
	U16("sending_device", 12),
	U16("sending_vendor", 14),
	U8("sending_revision", 16),
	U8("sending_slot", 17),
};

static const struct dlpar_rtas_field v5_post[] = {
	BIT("firmware", 0, 7),
	BIT("configuration", 0, 6),
	BIT("cpu", 0, 5),
	BIT("memory", 0, 4),
	BIT("io", 0, 3),
	BIT("keyboard", 0, 2),
	BIT("mouse", 0, 1),
	BIT("display", 0, 0),
	BIT("boot_floppy", 1, 7),
	BIT("boot_controller", 1, 6),
	BIT("boot_cdrom", 1, 5),
	BIT("boot_disk", 1, 4),
	BIT("boot_network", 1, 3),
	BIT("boot_other", 1, 2),
	BIT("firmware_self_test", 1, 0),
	TEXT("device_name", 2, 12),
	BYTES("post_code", 14, 4),
	BYTES("firmware_revision", 18, 2),
	TEXT("location_code", 20, 8),
};

static const struct dlpar_rtas_field v5_epow[] = {
	MASKED("sensor_value", 0, 4, 0xfffffff0, 4),
	MASKED("action", 0, 4, 0x0000000f, 0),
	BIT("sensor", 4, 7),
	BIT("power_fault", 4, 6),
	BIT("fan", 4, 5),
	BIT("temperature", 4, 4),
	BIT("redundancy", 4, 3),
	BIT("cuod", 4, 2),
	BIT("general", 5, 7),
	BIT("power_source_lost", 5, 6),
	BIT("power_supply", 5, 5),
	BIT("power_switch", 5, 4),
	BIT("battery", 5, 3),
	U32("sensor_token", 8),
	U32("sensor_index", 12),
	U32("sensor_reading", 16),
	U32("sensor_status", 20),
};

static const struct dlpar_rtas_field v5_diag[] = {
	U32("event_id", 0),
};

static const struct dlpar_rtas_field v5_sp[] = {
	TEXT("company", 0, 4),
	BIT("timeout", 4, 7),
	BIT("i2c_bus", 4, 6),
	BIT("secondary_i2c_bus", 4, 5),
	BIT("memory", 4, 4),
	BIT("registers", 4, 3),
	BIT("communication", 4, 2),
	BIT("firmware", 4, 1),
	BIT("hardware", 4, 0),
	BIT("vpd_eeprom", 5, 7),
	BIT("operator_panel", 5, 6),
	BIT("power_controller", 5, 5),
	BIT("fan_sensor", 5, 4),
	BIT("thermal_sensor", 5, 3),
	BIT("voltage_sensor", 5, 2),
	BIT("serial_port", 6, 7),
	BIT("nvram", 6, 6),
	BIT("rtc", 6, 5),
	BIT("jtag", 6, 4),
	BIT("tod_battery", 6, 3),
	BIT("heartbeat", 6, 1),
	BIT("surveillance", 6, 0),
	BIT("pcn_connection", 7, 7),
	BIT("pcn_node", 7, 6),
	BIT("pcn_access", 7, 3),
	U32("sensor_token", 8),
	U32("sensor_index", 12),
};

/* Of the company IBM: location codes, then registers up to a length of 2. */
static const struct dlpar_rtas_field v5_vendor[] = {
	BYTES("vendor", 0, 4),
	{ ROW("location_codes", 4, 0, WORDS),
	  WHEN(EQUAL, 0, 4, 0xffffffff, EXT_COMPANY_IBM) },
	{ ROW("registers", 0, 0, RECORDS), BEHIND, .align = 4,
	  .of = DLPAR_RTAS_REGISTER,
	  WHEN(EQUAL, 0, 4, 0xffffffff, EXT_COMPANY_IBM) },
	REST("data", 4),
};

static const struct dlpar_rtas_field vendor_register[] = {
	U16("length", 0),
	TEXT("register_id", 2, 2),
	REST("data", 4),
};

#endif /* RTAS_ROWS_V5_H */
