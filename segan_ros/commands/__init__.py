"""Every `segan` command, a file each."""
