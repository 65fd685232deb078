//! A blocking connection to the daemon's socket.
