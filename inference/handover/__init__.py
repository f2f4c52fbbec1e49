"""How a loop hands over what it said: the lease, the fenced write, the hash chain, the wires."""
