"""Two-class Aw-Rascle-Zhang (ARZ) traffic: motorcycles and cars share one road.

Units everywhere: densities in veh/km, speeds in m/s, lengths in m, times in s; so a flow is in
veh/km * m/s, which is 3.6 veh/h. The first axis of every per-class array is (motorcycles, cars).
"""
