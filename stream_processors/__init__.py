"""The running system: the Faust app, detection, patterns, windows and the queries over their answers."""
