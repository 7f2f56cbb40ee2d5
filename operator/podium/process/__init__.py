"""Process: what the operator and the mirror share because each is a process in a pod. It knows nothing of models.

    signals    takes the stop signals, and says with which reason and exit code a process ends
    http       /healthz, /readyz and /metrics; the checks and any other route are handed in
    logs       configures JSON lines on the standard error, with what is being worked on (the lines: podium.log_lines)

Both processes are wired alike in their `main`: settings, logs, the parts in one TaskGroup. The death of any part ends
the process with a reason, and Kubernetes starts it again. A stop signal ends it in order: what is under way comes to
its end, the Lease is given back, and `signals.Stopped` ends the TaskGroup.
"""
