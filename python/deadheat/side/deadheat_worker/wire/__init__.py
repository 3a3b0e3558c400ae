"""What the driver and a worker say to each other, and how."""
