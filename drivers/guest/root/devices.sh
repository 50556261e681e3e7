#!/bin/sh
# Looks each half second for network cards and disks that came or went: cards are asked for an address, a config drive is read.
nics=" lo " disks=" "
while :; do
  for path in /sys/class/net/*; do
    nic=${path##*/}
    case "$nics" in *" $nic "*) continue ;; esac
    nics="$nics$nic "
    echo "glass: nic $nic $(cat $path/address) mtu $(cat $path/mtu)" > /dev/console
    ip link set "$nic" up
    udhcpc -i "$nic" -s /etc/lease.sh -t 10 -T 1 -A 1 -O staticroutes -O mtu -b -S > /dev/null 2>&1 &
  done
  for nic in $nics; do
    [ "$nic" = lo ] || [ -e "/sys/class/net/$nic" ] && continue
    nics=$(echo "$nics" | sed "s/ $nic / /")
    echo "glass: nic gone $nic" > /dev/console
  done
  [ -z "$container" ] && for path in /sys/block/vd* /sys/block/sd* /sys/block/sr*; do
    disk=${path##*/}
    [ -e "$path" ] || continue
    case "$disks" in *" $disk "*) continue ;; esac
    disks="$disks$disk "
    echo "glass: disk $disk $(($(cat $path/size) / 2048)) MiB serial $(cat $path/serial 2>/dev/null)" > /dev/console
    [ "$(dd if=/dev/$disk bs=1 skip=32808 count=8 2>/dev/null)" = config-2 ] && mount -t iso9660 -o ro "/dev/$disk" /mnt && touch /run/config
  done
  for disk in $disks; do
    [ -e "/sys/block/$disk" ] && continue
    disks=$(echo "$disks" | sed "s/ $disk / /")
    echo "glass: disk gone $disk" > /dev/console
  done
  touch /run/looked
  usleep 500000
done
