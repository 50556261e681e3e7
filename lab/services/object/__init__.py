"""Object storage: swift-proxy, and the swift-object nodes that keep the replicas."""
