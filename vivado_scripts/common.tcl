# What the HLS scripts share. A script runs in the folder it was copied to together with common.tcl,
# settings.txt and the folders src and tb:
#   vitis-run --mode hls --tcl SCRIPT          (Vitis without vitis-run: vitis_hls -f SCRIPT)

# Return the dictionary in settings.txt (a Tcl list of keys and values) of the current folder.
proc read_settings {} {
    set file [open settings.txt]
    set settings [read $file]
    close $file
    return $settings
}

# Run `body` in the caller's scope, then leave the tool: with status 1 at the first error, else 0.
proc run_and_exit {body} {
    if {[catch {uplevel 1 $body} message options]} {
        puts [dict get $options -errorinfo]
        puts "FAILED: $message"
        exit 1
    }
    exit 0
}

# Start the project `name` afresh: sources, bench and its data, part and clock of `settings`.
proc new_project {name settings} {
    dict with settings {
        open_project -reset $name
        set_top $top
        foreach file $sources {
            add_files $file -cflags $cflags
        }
        foreach file $bench {
            add_files -tb $file -cflags $cflags
        }
        foreach file $bench_data {
            add_files -tb $file
        }
        open_solution -reset solution -flow_target $flow_target
        foreach command $config {
            eval $command
        }
        set_part $part
        create_clock -period $clock_period -name default
        set_clock_uncertainty $clock_uncertainty default
    }
}

# Open what csynth.tcl made.
proc open_synthesised {} {
    open_project project
    open_solution solution
}
