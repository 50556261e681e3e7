#!/bin/sh
# The first process of the tiny guest, in a virtual machine and in a container ($container is set there).
export PATH=/bin
if [ -z "$container" ]; then
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mount -t devtmpfs dev /dev
  while read -r module; do insmod "/modules/$module"; done < /modules/order
  rm -rf /modules
  dmesg -n 3
fi
hostname guest
ip link set lo up
echo "glass: boot kernel $(uname -r) up $(cut -d' ' -f1 /proc/uptime) s"

# In a virtual machine the power button is asked for by ACPI, in a container by a signal to this process.
power_off() { echo "glass: power off"; sync; poweroff -f; exit 0; }
trap power_off TERM
[ -z "$container" ] && acpid -d -c /etc/acpi >/dev/null 2>&1 &

/etc/devices.sh &
/etc/metadata.sh &
httpd -p 80 -h /www
# The prompt names the host, which metadata or DHCP tell; it does not wait for them longer than ten seconds.
( n=0; while [ ! -e /run/named ] && [ $n -lt 100 ]; do usleep 100000; n=$((n + 1)); done
  terminal=console; [ -z "$container" ] && terminal=ttyS0
  while :; do getty -L 115200 $terminal vt100; sleep 1; done ) &
while :; do sleep 3600 & wait $!; done
