"""The machine and its user: cores, home folder, files of the package, terminal, time."""
