"""The simulated datacenter: hosts in racks, switches, cables, routers, filers, disks and guests on one virtual clock.

What is true to life: frames are objects that walk from device to device and are learned, flooded, tagged,
tunnelled, routed, filtered and dropped for reasons; bulk traffic shares bandwidth max-min fairly; a VLAN is
on a switch port while a port needs it; disks fill, links are cut, hosts lose power.

What is simplified, on purpose:

- Frames do not queue: a cable adds latency and the time of a frame's bits, however many frames are on it.
  Bulk transfers (images, volumes) are fluid and do not delay frames.
- Hosts know each other's cards, and switches have learned where hosts are: no ARP between hosts.
- A guest's DHCP exchange at boot is computed from the configured ways instead of walked frame by frame
  (`Datacenter.dhcp_frames = True` walks it; a test holds that both agree).
- Spanning tree and the switches' forgetting take no time. One spine by default.
- ARP is asked once, with a second of patience; IPv6 is not spoken; packets are not fragmented.
- A guest writes nothing to its disks: a new root disk counts as 64 MiB, a volume as what was copied into it.
- The data of made-up images above 1 MiB does not hash to their checksum.
"""
