"""The source (OLTP) side: one interface and an engine for each kind of database."""
