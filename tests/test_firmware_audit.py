"""Where each number of the firmware's specification is tested.

A row is a statement of sections 1 to 7 of the specification of QEMU's and LoPAR's
firmware, with the tests that prove it, or the reason why there is none. The tests
are named without `test_` of their module; `*` is the whole module.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent

TESTED = {
    "1.1 shape: 116 bytes, extended length 108": [
        "firmware_logs::test_power_event",
        "firmware_logs::test_hotplug_event",
    ],
    "1.1 shape: MC log 64 bytes": [
        "machine_check::test_bytes_of_the_log",
    ],
    "1.2 summary word: every field and value": [
        "firmware_logs::test_summary_word",
    ],
    "1.2 PRRN: the length word is a scope": [
        "firmware_logs::test_scope_of_a_prrn_is_no_length",
    ],
    "1.2 summary words of QEMU": [
        "firmware_logs::test_power_event",
        "firmware_logs::test_hotplug_event",
        "machine_check::test_summary_word",
    ],
    "1.3 v6 header, Main-A, Main-B: every byte": [
        "firmware_logs::test_power_event",
        "firmware_logs::test_hotplug_event",
    ],
    "1.3 date and time in BCD": [
        "firmware_events::test_clock_may_be_a_function_or_none",
    ],
    "1.3 PLID: counter, byte order": [
        "firmware_events::test_log_id_in_the_byte_order_of_the_profile",
        "firmware_events::test_log_id_counts_on_over_a_reset",
    ],
    "1.3 subsystems, sub-types, action flags: words": [
        "rtas_words::*",
    ],
    "1.4 EP section, golden log": [
        "firmware_events::test_epow_event_is_the_observed_one",
    ],
    "1.5 HP section: every event kind": [
        "firmware_logs::test_hotplug_event",
    ],
    "1.5 identifier by its type, name, token": [
        "rtas_decode::test_drc_name_ends_at_its_nul",
        "rtas_decode::test_token_is_the_last_word_of_the_section",
    ],
    "1.5 which identifier QEMU uses": [
        "firmware_events::test_section_of_each_event",
        "firmware_events::test_removal_of_a_dimm_names_count_and_index",
    ],
    "1.5 golden LMB event": [
        "firmware_events::test_memory_event_is_the_observed_one",
    ],
    "1.6 MC section, SRR1 and DSISR": [
        "machine_check::test_fetch_of_an_instruction",
        "machine_check::test_load_or_store",
        "machine_check::test_first_bit_of_dsisr_that_matches",
    ],
    "1.7 other sections": [
        "firmware_logs::test_other_sections",
    ],
    "2.1 argument block, unknown token": [
        "rtas_entry::test_argument_block",
        "rtas_entry::test_unknown_token",
    ],
    "2.1 top nibble of addresses": [
        "rtas_entry::test_top_nibble_of_an_address_is_ignored",
    ],
    "2.1 numbers of arguments and results": [
        "rtas_entry::test_every_number_of_arguments_and_results",
        "rtas_entry::test_qemu_answers_the_same",
    ],
    "2.1 ignored arguments": [
        "rtas_entry::test_arguments_that_are_ignored",
    ],
    "2.1 buffer length, overrun": [
        "rtas_entry::test_buffer_of_check_exception",
    ],
    "2.1 nothing found: 1, buffer untouched": [
        "rtas_entry::test_nothing_found_leaves_the_buffer",
    ],
    "2.1 event-scan": [
        "firmware_events::test_event_scan_of_qemu_only_pulses",
        "rtas_entry::test_event_scan_delivers_in_lopar",
    ],
    "2.2 masks of event classes": [
        "firmware_facts::test_masks_of_event_classes",
        "firmware_events::test_other_masks_find_nothing",
    ],
    "2.2 interrupt numbers": [
        "firmware_facts::test_event_sources",
        "firmware_facts::test_event_sources_without_hotplug",
    ],
    "2.3 one queue, class at dequeue time": [
        "firmware_events::test_class_is_decided_when_an_event_is_fetched",
        "cas::test_class_of_hotplug_events_is_negotiated",
    ],
    "2.3 verified order": [
        "firmware_events::test_mask_takes_the_first_event_of_its_class",
    ],
    "2.3 interrupts are pulsed": [
        "firmware_events::test_interrupts_are_pulsed_when_queued_and_while_any_are_left",
    ],
    "2.3 no bound, no merging": [
        "firmware_sequences::test_queue_has_no_bound_and_merges_nothing",
    ],
    "2.3 reset and CAS": [
        "firmware_events::test_reset_drops_all_events_and_cas_only_hotplug",
    ],
    "2.3 EPOW sensor": [
        "firmware_calls::test_epow_sensor_is_lopar_only",
    ],
    "2.4 nodes of event sources": [
        "firmware_facts::test_event_sources",
        "firmware_facts::test_event_sources_without_hotplug",
    ],
    "2.5 every bit, in both profiles": [
        "cas::test_every_bit",
    ],
    "2.5 offered and requested": [
        "cas::test_agreed_is_offered_and_requested",
    ],
    "2.5 form and examples of the property": [
        "cas::test_examples_of_the_property",
    ],
    "2.5 vector table, H_PARAMETER": [
        "cas::test_table_of_a_partition",
        "cas::test_missing_vector_5_is_refused",
    ],
    "2.5 order of effects": [
        "cas::test_effects_in_their_order",
    ],
    "3.1 index of each type": [
        "firmware_facts::test_index_of_each_type",
    ],
    "3.1 types, names, where listed, how many": [
        "firmware_facts::test_names_types_and_places",
        "firmware_facts::test_name_has_the_id_only",
    ],
    "3.1 class of each type": [
        "firmware_facts::test_kinds_of_connectors",
    ],
    "3.1 vsmt": [
        "firmware_facts::test_old_machine_numbers_cores_by_eight",
    ],
    "3.1 room for memory": [
        "firmware_facts::test_room_for_memory",
    ],
    "3.1 PMEM slots": [
        "firmware_facts::test_slots_are_connectors_of_pmem",
    ],
    "3.2 four arrays": [
        "drc_encode::test_arrays_of_the_sample",
        "drc::test_arrays_are_read_in_their_order",
    ],
    "3.3 ibm,drc-info": [
        "drc_encode::test_info_of_the_sample",
        "drc::test_example_of_the_specification",
        "cas::test_drc_info_of_lopar",
    ],
    "3.4 numbers of states": [
        "firmware_states::test_every_state_number",
        "drc_states::test_empty_and_ready_states",
    ],
    "3.5 every pair: the tables": [
        "drc_states::test_pair_of_state_and_call",
        "drc_states::test_grid_covers_the_table",
    ],
    "3.5 every pair: the model": [
        "firmware_states::test_pair_on_the_model",
    ],
    "3.5 every pair: QEMU": [
        "firmware_states::test_qemu_agrees_about_every_pair",
    ],
    "3.5 other values and indicators": [
        "firmware_states::test_value_or_indicator_that_is_not_there",
    ],
    "3.5 visual indicator": [
        "firmware_states::test_visual_indicator",
    ],
    "3.5 entity sense": [
        "firmware_states::test_entity_sense",
        "rtas_entry::test_sensor_that_is_not_there",
    ],
    "3.5 power levels": [
        "rtas_entry::test_call_of_the_right_shape",
        "rtas_entry::test_power_domain_that_is_not_live",
    ],
    "3.6 attach": [
        "firmware_sequences::test_plugging_changes_no_state",
    ],
    "3.6 unplug request, release": [
        "firmware_unplug::test_core_that_nobody_took_leaves_at_once_and_is_announced_still",
    ],
    "3.6 reset": [
        "firmware_states::test_reset",
        "compare_qemu::test_reset_completes_what_is_pending",
    ],
    "3.7 logical add and remove": [
        "firmware_sequences::test_guest_takes_and_gives_back",
        "firmware_sequences::test_guest_gives_up_while_taking",
    ],
    "3.7 reject": [
        "firmware_sequences::test_guest_refuses",
    ],
    "4.1 arguments and work area": [
        "rtas_entry::test_second_argument_of_configure_connector",
        "rtas_entry::test_work_area",
    ],
    "4.1 clipping": [
        "firmware_sequences::test_value_is_clipped_at_the_end_of_the_area",
    ],
    "4.2 return codes": [
        "connector::test_status_out_of_place_is_a_sequence_error_that_stays",
        "firmware_calls::test_connector_that_delivers_nothing",
    ],
    "4.2 -1 at the end of a fragment that is not whole": [
        "connector::test_endless_stream_ends_with_an_error",
    ],
    "4.3 siblings are 4 then 2": [
        "connector::test_siblings_come_as_4_then_2_from_qemu",
    ],
    "4.3 cursor in the DRC, no rewind": [
        "firmware_calls::test_abandoned_sequence_goes_on_in_qemu",
        "firmware_calls::test_unisolate_rewinds_only_from_available",
    ],
    "4.3 two connectors interleaved": [
        "firmware_calls::test_two_connectors_may_be_walked_at_once",
    ],
    "4.3 fragment is cached": [
        "firmware_sequences::test_fragment_is_kept_over_a_change_of_nodes",
    ],
    "4.3 flagged LMB is rolled back": [
        "firmware_unplug::test_one_call_of_configure_connector_is_enough_to_keep_a_dimm",
    ],
    "4.3 LoPAR: phandles, rc 0 when isolated": [
        "firmware_fragments::test_lopar_gives_every_node_a_phandle",
        "firmware_calls::test_connector_that_delivers_nothing",
    ],
    "4.4 golden LMB sequence": [
        "firmware_sequences::test_golden_lmb_sequence",
    ],
    "4.5 CPU: 30 properties, 32 calls, order": [
        "firmware_sequences::test_walk_of_a_core",
        "firmware_fragments::test_core_is_what_qemu_delivers",
    ],
    "4.5 PHB, PCI, PMEM": [
        "firmware_pci_oracle::*",
    ],
    "5 tree is built at reset and CAS only": [
        "cas::test_boot_tree_is_not_changed",
        "cas::test_tree_is_that_of_qemu",
    ],
    "5.1 boot memory": [
        "firmware_facts::test_boot_memory",
    ],
    "5.1 properties of the LMB node, v1, v2": [
        "cas::test_example_of_the_lmb_table",
        "cas::test_dimms_side_by_side_are_sets_of_their_own",
    ],
    "5.1 when the node is there": [
        "cas::test_no_table_without_option_or_room",
    ],
    "5.2 CPUs, VIO": [
        "firmware_facts::test_cpus_and_vdevice",
    ],
    "5.2 host bridges: windows, interrupts": [
        "firmware_pci_oracle::*",
    ],
    "5.2 persistent memory": [
        "firmware_facts::test_persistent_memory",
        "cas::test_devices_are_in_the_tree_as_in_qemu",
    ],
    "5.3 tokens": [
        "rtas_entry::test_tokens_of_the_trees",
    ],
    "5.3 sizes and capacity": [
        "firmware_facts::test_rtas",
    ],
    "5.3 reference points, most domains": [
        "numa::test_what_rtas_says",
    ],
    "5.3 FORM2 tables": [
        "numa::test_distance_table",
    ],
    "5.4 FORM1 domains": [
        "numa::test_examples_of_two_nodes",
        "numa::test_example_of_three_nodes",
        "numa::test_qemu_computes_the_same",
    ],
    "5.4 level of every distance, 11, 31, 61": [
        "numa::test_level_of_every_distance",
    ],
    "5.4 FORM1 and FORM2 bytes": [
        "numa::test_bytes_of_form1",
        "numa::test_bytes_of_form2",
    ],
    "5.4 asymmetric distances": [
        "numa::test_direction_matters_in_form2_only",
    ],
    "6.1 CPU core": [
        "firmware_unplug::test_each_request_for_a_core_raises_the_event_again",
        "firmware_unplug::test_boot_core_stays",
    ],
    "6.1 DIMM": [
        "firmware_unplug::test_second_request_for_a_dimm_is_refused_while_pending",
        "firmware_unplug::test_old_guest_keeps_its_memory",
    ],
    "6.1 released immediately": [
        "firmware_unplug::test_untouched_dimm_leaves_at_once",
    ],
    "6.1 memory unplug before CAS": [
        "firmware_unplug::test_before_negotiation_memory_may_leave",
    ],
    "6.1 PHB, PCI, NVDIMM, bridge": [
        "firmware_pci_oracle::*",
    ],
    "6.2 DIMM of several LMBs": [
        "firmware_unplug::test_dimm_leaves_with_its_last_lmb",
        "firmware_unplug::test_untouched_lmbs_are_released_on_the_spot",
    ],
    "6.3 rollback, once and twice": [
        "firmware_unplug::test_guest_keeps_a_dimm_by_unisolating_any_lmb",
        "firmware_unplug::test_guest_keeps_a_dimm_by_configuring_an_lmb_again",
    ],
    "6.3 LMBs that stay lost, abort of QEMU": [
        "firmware_unplug::test_lmbs_given_back_before_a_refusal_stay_lost",
    ],
    "6.4 no timeout": [
        "firmware_sequences::test_no_timeout",
    ],
    "6.5 core": [
        "firmware_plug::test_core_that_cannot_be_plugged",
        "firmware_sequences::test_core_is_refused",
    ],
    "6.5 DIMM, address that is not aligned": [
        "firmware_plug::test_dimm_that_does_not_fit",
        "firmware_plug::test_qemu_takes_an_address_inside_an_lmb",
    ],
    "6.6 hotplug before CAS": [
        "firmware_sequences::test_hotplug_before_cas",
    ],
    "6.6 pending unplug": [
        "firmware_unplug::test_pending_unplug_completes_when_the_machine_starts_anew",
        "cas::test_pending_unplug_is_gone_from_the_tree",
    ],
    "6.6 cold plug": [
        "firmware_sequences::test_cold_plugged_devices_raise_nothing",
    ],
    "7 DEVICE_DELETED, guest errors: names and data": [
        "compare_qemu::test_random_steps",
        "firmware_unplug::test_core_leaves_when_the_guest_gives_it_back",
    ],
}

UNTESTED = {
    "1.6 r3 before the log, at rtas-base + 0x30": "the model has no processor",
    "2.1 LoPAR: no extended log if time-critical": "no known firmware or guest does it",
    "2.5 H_MULTI_THREADS_ACTIVE": "the model does not know which processors run",
    "3.1 support by machine version": "QEMU's history; the tree lists what there is",
    "5 h_update_dt, FDT_MAX_SIZE, place in memory": "the tree has no address",
    "5.4 FORM1 refuses nodes with neither CPU nor memory": "not told what is on them",
    "6.5 core of another type or number of threads": "plug_cpu takes neither",
    "7 QMP commands and queries": "methods drive the model",
}


def functions_of(module):
    """Names of the test functions of a module."""
    tree = ast.parse((HERE / f"test_{module}.py").read_text())
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}


@pytest.mark.parametrize("row", TESTED)
def test_row_has_its_tests(row):
    """What a row names is there."""
    assert TESTED[row]
    for name in TESTED[row]:
        module, _, function = name.partition("::")
        there = functions_of(module)
        assert function == "*" or function in there, name


def test_every_section_is_listed():
    """1 to 7, with all of their parts; what is not tested has a reason."""
    parts = {row.split()[0] for row in (*TESTED, *UNTESTED)}
    counts = {"1": 7, "2": 5, "3": 7, "4": 5, "5": 4, "6": 6}
    wanted = {f"{n}.{k + 1}" for n, count in counts.items() for k in range(count)}
    assert parts == wanted | {"5", "7"}
    assert all(UNTESTED.values())
    assert not TESTED.keys() & UNTESTED.keys()
