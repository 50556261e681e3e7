"""Block storage: cinder-api, cinder-scheduler and cinder-volume."""
