//! The rules of graphs by example.
