"""Training: one pure step function, and everything around it. The parts load when they are first used.

config       what a run is, as plain values
data         pictures from many formats, in an order of their own
losses       what is minimised
state        everything that changes, as one pytree
steps        one update, a pure function
parallel     where it runs: one device, all local ones, a mesh of many processes
checkpoint   what is kept, verified when it is read
loop         fit: steps, stats, samples, checkpoints
tasks        from a config to what the loop needs
"""
