"""AMD Vitis, where it is installed: jobs written for it, its steps run, its reports read."""
