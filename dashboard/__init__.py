"""What people see: pages, WebSocket consumers and their static files."""
