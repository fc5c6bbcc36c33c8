"""What people see of a lifted set: its page, two depths side by side, and boxes against measured ones."""
