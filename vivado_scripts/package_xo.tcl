# The Verilog that csynth.tcl made as a Vitis kernel, TOP.xo, for v++; how to run it: common.tcl.
cd [file dirname [file normalize [info script]]]
source common.tcl

run_and_exit {
    open_synthesised
    export_design -format xo -output [dict get [read_settings] top].xo
    close_project
}
