"""Where what was found goes out. Imports nothing of stream_processors, encoder_core or trainer."""
