#!/bin/sh
# Called by udhcpc with what the DHCP server told.
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip address flush dev "$interface"
ip address add "$ip/${mask:-24}" dev "$interface"
[ -n "$mtu" ] && ip link set "$interface" mtu "$mtu"
for name in $dns; do echo "nameserver $name"; done > /etc/resolv.conf
if [ -n "$staticroutes" ]; then
  set -- $staticroutes
  while [ -n "$2" ]; do
    way="via $2"; [ "$2" = 0.0.0.0 ] && way=""
    ip route replace "$1" $way dev "$interface"; shift 2
  done
elif [ -n "$router" ]; then
  ip route replace default via "${router%% *}" dev "$interface"
fi
[ "$(hostname)" = guest ] && [ -n "$hostname" ] && hostname "$hostname"
echo "glass: address $interface $ip/$mask mtu $(cat /sys/class/net/$interface/mtu) up $(cut -d' ' -f1 /proc/uptime) s" > /dev/console
touch /run/addressed
