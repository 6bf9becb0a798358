"""The whole system on embedded servers, fed with the logs of an invented company."""
