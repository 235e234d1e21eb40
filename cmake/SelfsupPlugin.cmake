# selfsup_add_plugin(NAME SOURCES file...): a portable plugin NAME.so, built against the SDK alone.
