"""`attenuate demo`: leases at work between real processes, over a real git repository.

An orchestrator (this process) mints a lease and narrows it for a child agent; a tool service in a
process of its own checks every call of the child, which is a third process. Then everything that
must be refused is tried. Each scene announces its outcome, and the exit code says whether all came
out as announced.

Nothing is imported here, because the service and the agents are started as modules of this package.
"""
