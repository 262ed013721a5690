# C synthesis of one kernel with Vitis HLS 2023.2 to 2025.2, in the folder this file was copied to
# together with common.tcl, settings.txt and the sources:
#   vitis-run --mode hls --tcl csynth.tcl        (without vitis-run: vitis_hls -f csynth.tcl)
# The report is project/solution/syn/report/csynth.xml.
cd [file dirname [file normalize [info script]]]
source common.tcl

run_and_exit {
    set settings [read_settings]
    open_project -reset project
    set_top [dict get $settings top]
    add_files [dict get $settings source] -cflags [dict get $settings cflags]
    open_solution -reset solution -flow_target vitis
    set_part [dict get $settings part]
    create_clock -period [dict get $settings clock_period] -name default
    set_clock_uncertainty [dict get $settings clock_uncertainty] default
    csynth_design
    close_project
}
