# The bench of csim.tcl on the Verilog that csynth.tcl made; how to run it: common.tcl.
# The report is project/solution/sim/report/TOP_cosim.rpt.
cd [file dirname [file normalize [info script]]]
source common.tcl

run_and_exit {
    open_synthesised
    cosim_design -rtl verilog -argv [dict get [read_settings] argv]
    close_project
}
