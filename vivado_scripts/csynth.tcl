# C synthesis with Vitis HLS 2023.2 to 2025.2; how to run it: common.tcl.
# The report is project/solution/syn/report/csynth.xml.
cd [file dirname [file normalize [info script]]]
source common.tcl

run_and_exit {
    new_project project [read_settings]
    csynth_design
    close_project
}
