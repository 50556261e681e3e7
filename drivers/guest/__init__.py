"""The tiny guest: a system of a kernel and busybox that boots without the internet and says on its console what it sees."""
