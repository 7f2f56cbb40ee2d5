"""Stands in for the package `podium` in the image of the light server, so that a pod's command is the real one."""
