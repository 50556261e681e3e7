#!/bin/sh
# POST /cgi-bin/run: runs the body as a shell script. Whoever reaches this guest may do with it what they like: it is for tests and lessons.
printf 'Content-Type: text/plain\r\n\r\n'
head -c "${CONTENT_LENGTH:-0}" > "/tmp/asked.$$"
sh "/tmp/asked.$$" 2>&1
echo "exit $?"
rm "/tmp/asked.$$"
