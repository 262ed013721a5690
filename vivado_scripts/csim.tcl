# C simulation of the bench with Vitis HLS 2023.2 to 2025.2; how to run it: common.tcl.
# The bench compares every golden value itself and prints how many were equal.
cd [file dirname [file normalize [info script]]]
source common.tcl

run_and_exit {
    set settings [read_settings]
    new_project csim $settings
    csim_design -argv [dict get $settings argv]
    close_project
}
