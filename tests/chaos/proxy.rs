//! What the proxy does that no flow shows.
