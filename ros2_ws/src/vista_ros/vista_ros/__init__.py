"""Thin rclpy nodes; ``conversions`` is the one file that knows both the library and the messages."""
