#!/bin/sh
# Reads metadata and user data, from the config drive if there is one, else from 169.254.169.254; runs user data that is a script.
value() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" /run/meta_data.json | head -n 1; }

fetch() { timeout 3 wget -q -O "/run/$1" "http://169.254.169.254/openstack/latest/$1" 2>/dev/null; }

from_service() {
  tries=0
  while [ $tries -lt 20 ]; do
    tries=$((tries + 1))
    [ -e /run/addressed ] && fetch meta_data.json && return 0
    usleep 500000
  done
  return 1
}

while [ ! -e /run/looked ]; do usleep 100000; done
if [ -e /run/config ]; then
  from="config drive"
  cp /mnt/openstack/latest/meta_data.json /run/
  [ -e /mnt/openstack/latest/user_data ] && cp /mnt/openstack/latest/user_data /run/
elif from_service; then
  from="metadata service"
  fetch user_data || rm -f /run/user_data
else
  echo "glass: no metadata" > /dev/console
  touch /run/named
  exit 0
fi
name=$(value hostname)
[ -n "$name" ] && hostname "${name%%.*}"
keys=~root/.ssh
mkdir -p "$keys"
sed -n 's/.*"public_keys": *{\([^}]*\)}.*/\1/p' /run/meta_data.json | tr '"' '\n' | grep '^ssh-\|^ecdsa-' > "$keys/authorized_keys"
echo "glass: metadata from $from: instance-id $(value uuid) hostname $(hostname) keys $(wc -l < "$keys/authorized_keys")" > /dev/console
touch /run/named
case "$(head -c 2 /run/user_data 2>/dev/null)" in
'#!')
  chmod +x /run/user_data
  /run/user_data > /dev/console 2>&1
  echo "glass: user data ended with $?" > /dev/console ;;
esac
