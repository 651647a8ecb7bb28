"""The statements of each kind of load, as text. Pure: nothing here connects to a warehouse."""
