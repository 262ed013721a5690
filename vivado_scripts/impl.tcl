# Vivado synthesis, placement and routing, out of context, of the Verilog that csynth.tcl made; how
# to run it: common.tcl. The reports are TOP_utilization_routed.rpt and TOP_timing_routed.rpt of
# project/solution/impl/verilog/report.
cd [file dirname [file normalize [info script]]]
source common.tcl

run_and_exit {
    open_synthesised
    export_design -flow impl -rtl verilog -format ip_catalog
    close_project
}
