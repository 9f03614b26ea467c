"""The version, for the package and for the check of the kernel's."""

__version__ = "0.1.0"
