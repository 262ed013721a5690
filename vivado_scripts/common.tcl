# What the HLS scripts share: their settings, and errors that end the tool with status 1.

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
