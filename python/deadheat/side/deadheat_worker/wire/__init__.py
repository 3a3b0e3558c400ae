"""The messages between the driver and a worker, and their channel."""
